"""Which imported modules are probably files beside the notebook, judged by name alone.

The server does not have the kernel's packages, so a module is only suspected when it is neither of
Python itself nor widely known, and the notebook shows no way in which it gets there.
"""

import ast
import re
import sys
from collections.abc import Collection, Iterator
from typing import Final

_WELL_KNOWN: Final = frozenset(
    """
    absl aiohttp airflow altair anndata anthropic anywidget apscheduler arrow astropy asyncpg attr attrs
    azure backoff bayes_opt black bokeh boto3 botocore bottle bq bs4 cartopy catboost category_encoders
    causalml cchardet celery cftime chardet charset_normalizer chromadb click clickhouse_connect
    cloudpickle cmdstanpy colorama comm confluent_kafka contextily contourpy cryptography ctgan cupy cv2
    cvxpy cycler cython dagster darts dash dask databricks dateparser dateutil dbt deepdiff deltalake
    deprecated dill distributed django docker docx dotenv duckdb econml elasticsearch emcee emoji
    evaluate faiss faker fastapi fastavro fastparquet feature_engine filelock fiona flask folium fsspec
    fugue gcsfs geopandas geopy google google_auth_oauthlib googleapiclient graphviz great_expectations
    gspread gurobipy h3 h5py haystack hdbscan holidays holoviews httpx huggingface_hub humanize hvplot
    hydra hypothesis ibis imageio imblearn ipycytoscape ipykernel ipyleaflet ipython IPython ipywidgets
    isodate itables jax jaxlib jinja2 joblib jsonschema jupyter jupyter_client jwt kafka keras keyring
    kmodes langchain langchain_community langchain_core langchain_openai langgraph lifelines lightgbm
    lightning lime llama_index loguru lxml mapclassify markdown matplotlib matplotlib_inline mlflow
    mlxtend modin moto mpl_toolkits msgpack mysql nbclient nbconvert nbformat neo4j netCDF4 networkx
    nightbook nltk numba numexpr numpy numpyro nvtx oauthlib omegaconf onnx onnxruntime openai openpyxl
    optuna oracledb orjson osgeo osmnx packaging pandas pandas_gbq pandas_market_calendars pandera panel
    papermill paramiko patsy peft pendulum pexpect pgeocode pika PIL pingouin pint pip pkg_resources
    plotly plotnine pmdarima polars portalocker prefect prettytable prophet psutil psycopg psycopg2 py4j
    pyarrow pydantic pydantic_settings pydeck pyg pygments pygsheets pymc pymongo pymysql pynndescent
    pyodbc pyparsing pypdf pyperclip pyproj pyspark pystan pytest pytorch_lightning pytz pyvis pyvista
    pywt qrcode rapidfuzz rasterio ray redis regex reportlab requests rich rpy2 ruamel s3fs sagemaker
    scanpy scikitplot scipy scrapy seaborn selenium sentence_transformers sentry_sdk setuptools shap
    shapely simplejson simpy six skimage sklearn sktime slack_sdk snowflake snscrape sortedcontainers
    soupsieve spacy sparknlp sqlalchemy sqlglot sqlite_utils sqlmodel sqlparse statsforecast statsmodels
    streamlit structlog stumpy sympy tables tabulate tenacity tensorboard tensorflow
    tensorflow_probability teradatasql textblob thefuzz tiktoken timm tokenizers toml tomli tomlkit
    toolz torch torchaudio torchmetrics torchvision tornado tqdm traitlets transformers trino tsfresh
    tslearn tweepy typer typing_extensions tzdata tzlocal ujson umap uvicorn vaex vega vega_datasets
    wandb watchdog websocket websockets wheel wordcloud xarray xgboost xlrd xlsxwriter xlwings yaml yarl
    ydata_profiling yfinance zarr
    """.split()  # noqa: SIM905 (words read better without quotes)
)
_INSTALLED: Final = re.compile(r"\b(?:pip3?|conda|mamba|uv)\b[^\n]*\binstall\b([^\n]*)")
_DISTRIBUTION: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")


def suspected_siblings(tree: ast.Module) -> Iterator[str]:
    """Modules that the tree imports and that nobody knows. A relative import begins with a dot."""
    forgiven = _inside_try(tree)
    for node in ast.walk(tree):
        if node in forgiven:
            continue
        if isinstance(node, ast.Import):
            yield from (name for alias in node.names if _is_unknown(name := alias.name.partition(".")[0]))
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "." + (node.module or "")
        elif isinstance(node, ast.ImportFrom) and _is_unknown(name := (node.module or "").partition(".")[0]):
            yield name


def are_declared(name: str, files: Collection[str]) -> bool:
    """Say whether a module is among the *files* declared beside the notebook."""
    return any(path in {f"{name}.py", f"{name}.ipynb"} or path.startswith(f"{name}/") for path in files)


def installed_names(sources: Collection[str]) -> frozenset[str]:
    """Module names that an install line of the notebook may bring, in the spelling of an import."""
    return frozenset(
        word.lower().replace("-", "_")
        for source in sources
        for line in _INSTALLED.findall(source)
        for word in _DISTRIBUTION.findall(line)
    )


def _is_unknown(name: str) -> bool:
    return bool(name) and not name.startswith("_") and name not in sys.stdlib_module_names | _WELL_KNOWN


def _inside_try(tree: ast.Module) -> set[ast.AST]:
    """Imports that may fail: the author has thought of it."""
    tries = [node for node in ast.walk(tree) if isinstance(node, ast.Try)]
    return {inner for node in tries for statement in node.body for inner in ast.walk(statement)}
