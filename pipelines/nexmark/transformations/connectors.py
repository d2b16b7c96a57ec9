"""For Spark only: makes the sources and sinks that spark-pipeline.yml describes.

Spark's SQL has no statement for either, so they stand in the configuration, and this file, which is
the same in every project, turns them into a temporary view or a sink each:

    source.NAME.format, source.NAME.option.KEY               STREAM NAME in SQL
    sink.NAME.format, sink.NAME.from, sink.NAME.option.KEY   rows of the view or table named by from
"""
from pyspark import pipelines as dp

NOT_ON_SPARK = {"redis", "webhook"}
OPTION = "option."


def described(kind):
    """The settings of each source or sink: {name: {field: value}}."""
    names = {}
    for key, value in spark.conf.getAll.items():
        head, _, rest = key.partition(".")
        name, _, field = rest.partition(".")
        if head == kind and field:
            names.setdefault(name, {})[field] = value
    return names


def options(settings):
    return {field.removeprefix(OPTION): value for field, value in settings.items() if field.startswith(OPTION)}


def add_source(name, settings):
    @dp.temporary_view(name=name)
    def read():
        return spark.readStream.format(settings["format"]).options(**options(settings)).load()


def add_sink(name, settings):
    if settings["format"] in NOT_ON_SPARK:
        print(f"sink {name}: Spark has no {settings['format']} sink, so it is left out")
        return
    own = ("outputMode",)
    dp.create_sink(name, settings["format"], {k: v for k, v in options(settings).items() if k not in own})

    @dp.append_flow(target=name, name=f"{name}_rows")
    def write():
        return spark.readStream.table(settings["from"])


for source, fields in described("source").items():
    add_source(source, fields)
for sink, fields in described("sink").items():
    add_sink(sink, fields)
