from promscrape.storage.remote._template_py import REACH as REACH
from promscrape.storage.remote._template_py import Template as Template
