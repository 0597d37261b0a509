"""Which texts are names of files, and what a call does to them as far as its name tells.

For what is unknown: a function that is given `"plot.png"` most likely reads or writes that file.
"""

import ast
import re
from typing import Final

_ENDS: Final = frozenset(
    {
        *("csv", "tsv", "txt", "json", "jsonl", "yaml", "yml", "toml", "ini", "cfg", "xml"),
        *("html", "htm", "md", "tex", "pdf", "rtf", "log", "sql", "ipynb", "py", "png", "jpg"),
        *("jpeg", "gif", "svg", "bmp", "tif", "tiff", "webp", "eps", "ps", "wav", "mp3", "mp4"),
        *("avi", "mov", "flac", "ogg", "npy", "npz", "pkl", "pickle", "joblib", "h5", "hdf5"),
        *("hdf", "nc", "zarr", "parquet", "feather", "arrow", "orc", "avro", "mat", "sav"),
        *("dta", "rds", "bin", "dat", "db", "sqlite", "sqlite3", "duckdb", "xls", "xlsx"),
        *("xlsm", "ods", "doc", "docx", "ppt", "pptx", "zip", "gz", "bz2", "xz", "tar", "tgz"),
        *("7z", "pt", "pth", "ckpt", "onnx", "pb", "tflite", "safetensors", "model", "weights"),
        *("shp", "geojson", "gpkg", "kml", "gml", "graphml", "gexf", "dot", "net"),
    }
)
_READS: Final = re.compile(
    r"(im)?(read|load|open|parse|from_|scan|fetch|get|exists|is_)", re.IGNORECASE
)
_WRITES: Final = re.compile(r"(im)?(write|save|dump|export|to_|store|render)", re.IGNORECASE)


def looks_like_file(text: str | None) -> bool:
    """Whether a text looks like the name of a file.

    >>> looks_like_file("out/plot_*.png"), looks_like_file("a.b"), looks_like_file(None)
    (True, False, False)
    """
    if text is None or len(text) > 250 or "\n" in text:
        return False
    stem, dot, end = text.rpartition(".")
    return bool(stem and dot) and end.lower() in _ENDS


def may_read(name: str) -> bool:
    """Whether a function of that name may read the files that it is given.

    >>> may_read("imread"), may_read("convert"), may_read("save_model")
    (True, True, False)
    """
    return _WRITES.match(name) is None


def may_write(name: str) -> bool:
    """Whether a function of that name may write the files that it is given.

    >>> may_write("imread"), may_write("convert"), may_write("save_model")
    (False, True, True)
    """
    return _READS.match(name) is None


def opens_for_writing(mode: str | None) -> bool:
    """Whether a second argument may be a mode in which files are written.

    >>> opens_for_writing("wb"), opens_for_writing("r"), opens_for_writing("writer")
    (True, False, False)
    """
    return mode is not None and re.fullmatch(r"[rwaxbt+]*[wax+][rwaxbt+]*", mode) is not None


def last_name(node: ast.expr) -> str:
    """The last part of a callable's name; empty if it has none.

    >>> last_name(ast.parse("a.b.c", mode="eval").body)
    'c'
    """
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""
