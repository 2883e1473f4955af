{#
  Another landing directory: `vars: {landing: DIR}` in dbt_project.yml, or `--vars 'landing: DIR'`.
  In the same way `host_current` names what `host files --current --json` printed.
#}

{# All rows of the files that landed and are not in the model yet. A file never changes, so its path says enough. #}
{% macro host_raw(source, word, function, options) %}
  {%- set landing = var('landing', LANDING) -%}
  {%- set files = host_glob(landing)[:-1] ~ '/' ~ source ~ '/**/*.' ~ word ~ ".gz'" -%}
  {%- set path = 'substr(%s, ' ~ (landing | length + 2) ~ ')' -%}
  {%- if execute and is_incremental() -%}
    {%- set new -%}
      SELECT file FROM glob({{ files }})
       WHERE {{ path % 'file' }} NOT IN (SELECT _file FROM {{ this }}) ORDER BY file
    {%- endset -%}
    {%- set names = [] -%}
    {%- for file in run_query(new).columns[0].values() -%}
      {%- do names.append(host_glob(file)) -%}
    {%- endfor -%}
    {# The columns of the model first: each keeps its name, whatever case the next file writes it in. #}
    SELECT * FROM {{ this }} WHERE false
    {%- if names %}
      UNION ALL BY NAME {{ host_read(path, function, '[' ~ names | join(', ') ~ ']', options) }}
    {%- endif -%}
  {%- else -%}
    {{ host_read(path, function, files, options) }}
  {%- endif -%}
{% endmacro %}

{# The rows of a raw model whose files hold what their source is now. #}
{% macro host_current(model) %}
  SELECT * FROM {{ ref(model) }}
   WHERE _file IN (SELECT path FROM read_json('{{ var("host_current", "current.json") | replace("'", "''") }}',
                                              columns = {path: 'VARCHAR'}))
{% endmacro %}

{# What reads files, with their paths below the landing directory: these stay as they are if it moves. #}
{% macro host_read(path, function, files, options) -%}
  SELECT * REPLACE ({{ path % '_file' }} AS _file) FROM {{ function }}({{ files }}, {{ options }})
{%- endmacro %}

{# A path as a text in SQL and in a glob, each of its characters for itself. #}
{% macro host_glob(path) -%}
  '{{ path | replace('[', '[[]') | replace('*', '[*]') | replace('?', '[?]') | replace("'", "''") }}'
{%- endmacro %}
