from sqlmesh import macro


@macro()
def host_raw(evaluator, source: str, word: str, function: str, options: str):
    """All rows of the files that landed and are not in the model yet. A file never changes, so its path says enough."""
    landing = evaluator.var("landing", LANDING)
    path = f"substr(%s, {len(landing) + 2})"

    def text(path):
        # In SQL and in a glob, each character for itself.
        escaped = path.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
        return "'" + escaped.replace("'", "''") + "'"

    def read(files):
        # Paths below the landing directory: these stay as they are if it moves.
        return f"SELECT * REPLACE ({path % '_file'} AS _file) FROM {function}({files}, {options})"

    files = text(landing)[:-1] + f"/{source}/**/*.{word}.gz'"
    if evaluator.runtime_stage != "evaluating":
        return read(files)
    table, ask = evaluator.locals["this_model"], evaluator.engine_adapter.fetchall
    new = ask(f"SELECT file FROM glob({files}) WHERE {path % 'file'} NOT IN (SELECT _file FROM {table}) ORDER BY file")
    # The columns of the model first: each keeps its name, whatever case the next file writes it in.
    rows = f"SELECT * FROM {table} WHERE false"
    if new:
        files = "[" + ", ".join(text(row[0]) for row in new) + "]"
        known = {row[0].lower() for row in ask(f"DESCRIBE {table}")}
        for name, kind, *_ in ask(f"DESCRIBE {read(files)}"):
            if name.lower() not in known:
                column = '"' + name.replace('"', '""') + '"'
                evaluator.engine_adapter.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
        rows += f" UNION ALL BY NAME {read(files)}"
    return rows
