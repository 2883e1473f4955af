//! One write, made certain: whatever becomes of its answers, in the end it is known whether it happened.
//!
//! Each write carries a mark of its own in the object's metadata. An answer that is lost, that comes twice, or that says
//! the opposite of what happened is settled by looking whose mark the object has.

use object_store::{Attribute, AttributeValue, Attributes, UpdateVersion};

use super::Head;

/// The metadata's name. Azure allows letters, digits and underscores alone.
const MARK: &str = "hostmark";

/// What tells one write from any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark(String);

impl Mark {
    pub(crate) fn new(random: [u8; 16]) -> Self {
        Self(random.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub(crate) fn attributes(&self) -> Attributes {
        let key = Attribute::Metadata(MARK.into());
        Attributes::from_iter([(key, AttributeValue::from(self.0.clone()))])
    }

    pub(crate) fn of(attributes: &Attributes) -> Option<Self> {
        let value = attributes.get(&Attribute::Metadata(MARK.into()))?;
        Some(Self(value.as_ref().to_owned()))
    }
}

/// A version of an object, for whoever wants to replace just that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(pub(crate) UpdateVersion);

impl Tag {
    /// A text that [`Tag::from_text`] reads.
    pub fn to_text(&self) -> String {
        format!("{}\n{}", self.0.e_tag.as_deref().unwrap_or_default(), self.0.version.as_deref().unwrap_or_default())
    }

    /// The version that a text stands for; `None` where it stands for none.
    pub fn from_text(text: &str) -> Option<Self> {
        let (e_tag, version) = text.split_once('\n')?;
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let (e_tag, version) = (some(e_tag), some(version));
        (e_tag.is_some() || version.is_some()).then_some(Self(UpdateVersion { e_tag, version }))
    }

    /// A version that no object has.
    pub fn of_nothing() -> Self {
        let e_tag = Some("\"00000000000000000000000000000000\"".into());
        Self(UpdateVersion { e_tag, version: Some("1".into()) })
    }
}

/// How a write ended.
#[derive(Debug)]
pub enum Put {
    /// The object is there, and it is ours.
    Done(Tag),
    /// The object of that name is somebody else's; what is known of it.
    Taken(Option<Head>),
}

/// What a write has to find.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    /// Nothing of that name.
    Absent,
    /// Just that version.
    Is(Tag),
}

/// What to do after an attempt and a look at the object.
#[derive(Debug)]
pub(crate) enum Next {
    End(Put),
    Again,
}

/// What the object says of an attempt that was not simply done.
pub(crate) fn judge(condition: &Condition, mark: &Mark, found: Option<Head>) -> Next {
    match (condition, found) {
        (_, Some(head)) if head.mark.as_ref() == Some(mark) => Next::End(Put::Done(head.tag)),
        (Condition::Absent, None) => Next::Again,
        // The version that was to be replaced is still there, so that the attempt has not happened (yet).
        (Condition::Is(tag), Some(head)) if head.tag.0.e_tag == tag.0.e_tag => Next::Again,
        (_, found) => Next::End(Put::Taken(found)),
    }
}
