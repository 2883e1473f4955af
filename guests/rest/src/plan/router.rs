//! What a stream is cut into beside time: the values of a list, or the records of another stream.

use super::{Expression, Fields, Inject, Stream};
use crate::manifest::ManifestError;
use expressions::Value;

/// What a stream is cut by.
pub(crate) enum Router {
    List {
        values: Values,
        field: Expression,
        inject: Option<Inject>,
    },
    Substream(Vec<Parent>),
    /// The partitions of all of them, each by the value of this field.
    Union {
        routers: Vec<Router>,
        field: Expression,
    },
    /// So many partitions of another one at once.
    Group {
        size: usize,
        router: Box<Router>,
        distinct: bool,
    },
}

/// The values of a list.
pub(crate) enum Values {
    Written(Vec<Value>),
    /// Text that comes to a list.
    Computed(Expression),
}

/// A stream whose records each make a partition.
pub(crate) struct Parent {
    pub(crate) stream: Box<Stream>,
    pub(crate) key: Expression,
    pub(crate) field: Expression,
    pub(crate) inject: Option<Inject>,
    /// Whether only records that are new to the parent stream count.
    pub(crate) incremental: bool,
    pub(crate) extra: Vec<Vec<Value>>,
    /// Where in a record the first page of its partition is; nowhere if that is to be asked for.
    pub(crate) first_page: Vec<Expression>,
}

impl Router {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        Ok(match fields.kind() {
            "ListPartitionRouter" => {
                let values = match fields.given("values") {
                    Some(Value::List(values)) => Values::Written(values.to_vec()),
                    Some(Value::Str(_)) => Values::Computed(fields.needed_expression("values")?),
                    Some(_) => return Err(fields.wrong("values", "it has to be a list")),
                    None => return Err(fields.missing("values")),
                };
                Self::List {
                    values,
                    field: fields.needed_expression("cursor_field")?,
                    inject: fields.component("request_option", Inject::read)?,
                }
            }
            "SubstreamPartitionRouter" => {
                let parents = fields.components("parent_stream_configs", Parent::read)?;
                if parents.is_empty() {
                    return Err(fields.missing("parent_stream_configs"));
                }
                Self::Substream(parents)
            }
            "UnionPartitionRouter" => Self::Union {
                routers: fields.components("partition_routers", Self::read)?,
                field: fields.needed_expression("partition_field")?,
            },
            "GroupingPartitionRouter" => Self::Group {
                size: match fields.integer("group_size")?.map(usize::try_from) {
                    Some(Ok(size)) if size > 0 => size,
                    _ => return Err(fields.wrong("group_size", "it has to be a whole number above 0")),
                },
                router: Box::new(fields.needed("underlying_partition_router", Self::read)?),
                distinct: fields.given("deduplicate").is_none() || fields.flag("deduplicate")?,
            },
            _ => return Err(fields.unsupported()),
        })
    }

    /// The parent streams in it.
    pub(crate) fn parents(&self) -> Vec<&Parent> {
        match self {
            Self::List { .. } => Vec::new(),
            Self::Substream(parents) => parents.iter().collect(),
            Self::Union { routers, .. } => routers.iter().flat_map(Self::parents).collect(),
            Self::Group { router, .. } => router.parents(),
        }
    }
}

impl Parent {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let first_page = fields.expressions("lazy_read_pointer")?;
        if first_page.iter().any(|step| step.written().contains('*')) {
            return Err(fields.wrong("lazy_read_pointer", "a `*` in it is not carried out"));
        }
        let stream = fields.needed("stream", |fields| match fields.kind() {
            "DeclarativeStream" | "StateDelegatingStream" => Stream::read(fields),
            _ => Err(fields.unsupported()),
        })?;
        let extra = fields.items("extra_fields")?.iter().map(|path| match path.as_list() {
            Some(names) => Ok(names.to_vec()),
            None => Err(fields.wrong("extra_fields", "each has to be a list of names")),
        });
        Ok(Self {
            stream: Box::new(stream),
            key: fields.needed_expression("parent_key")?,
            field: fields.needed_expression("partition_field")?,
            inject: fields.component("request_option", Inject::read)?,
            incremental: fields.flag("incremental_dependency")?,
            first_page,
            extra: extra.collect::<Result<_, _>>()?,
        })
    }
}
