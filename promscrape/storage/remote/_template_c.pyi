from promscrape.storage.remote._template_py import END_MS as END_MS
from promscrape.storage.remote._template_py import FIRST_MS as FIRST_MS
from promscrape.storage.remote._template_py import REACH as REACH
from promscrape.storage.remote._template_py import Template as Template
