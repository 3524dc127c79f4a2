from promscrape.model._label_columns_py import hold_all as hold_all
from promscrape.model._label_columns_py import keep_all as keep_all
from promscrape.model._label_columns_py import keep_with as keep_with
from promscrape.model._label_columns_py import repeats_any_name as repeats_any_name
from promscrape.model._label_columns_py import values_of as values_of
