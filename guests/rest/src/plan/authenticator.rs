//! How a request shows who sends it. Secrets stay with the host: a manifest's expression for one becomes its name.

use std::rc::Rc;

use expressions::Value;

use super::secrets::{Asked, Placement, Way, in_field, setting};
use super::{Expression, Fields, Inject, Into, token};
use crate::manifest::ManifestError;

/// How a request is authenticated.
#[derive(Debug, Clone, Default)]
pub(crate) enum Authenticator {
    #[default]
    None,
    /// The host adds this secret.
    Secret(String),
    /// `Authorization: Bearer …`, for a token that is no secret.
    Bearer(Expression),
    /// `Authorization: Basic …`, the same.
    Basic { user: Expression, password: Option<Expression> },
    /// A field or a parameter, the same.
    Key { inject: Inject, value: Expression },
    /// The one that a value of the configuration names.
    Selective { path: Vec<Value>, options: Vec<(Rc<str>, Authenticator)> },
    /// One of several that is not carried out, and why.
    Unsupported(String),
}

type Reader = fn(&Fields<'_>) -> Result<Authenticator, ManifestError>;

impl Authenticator {
    /// Read one; `base` is what the URLs of its requester begin with.
    pub(crate) fn read(fields: Fields<'_>, base: Option<&Expression>) -> Result<Self, ManifestError> {
        if let Some(read) = Self::simple(&fields) {
            return read(&fields);
        }
        match fields.kind() {
            _ if fields.given("class_name").is_some() => Err(fields.unsupported()),
            "OAuthAuthenticator" => token::oauth(&fields).map(Self::Secret),
            "SessionTokenAuthenticator" => token::session::session(&fields).map(Self::Secret),
            "LegacySessionTokenAuthenticator" => token::session::legacy(&fields, base).map(Self::Secret),
            "JwtAuthenticator" => token::signed(&fields).map(Self::Secret),
            "SelectiveAuthenticator" => Self::selective(&fields, base),
            _ => Err(fields.unsupported()),
        }
    }

    /// What reads one of those that are carried out whatever they say; nothing for another kind.
    fn simple(fields: &Fields<'_>) -> Option<Reader> {
        Some(match fields.kind() {
            _ if fields.given("class_name").is_some() => return None,
            "NoAuth" => |_| Ok(Self::None),
            "BearerAuthenticator" => Self::bearer,
            "BasicHttpAuthenticator" => Self::basic,
            "ApiKeyAuthenticator" => Self::key,
            _ => return None,
        })
    }

    fn selective(fields: &Fields<'_>, base: Option<&Expression>) -> Result<Self, ManifestError> {
        let path = fields.items("authenticator_selection_path")?.to_vec();
        fields.secrets().note(path.iter().map(Value::to_text).collect());
        let names = fields.members("authenticators")?.ok_or_else(|| fields.missing("authenticators"))?;
        let options = fields.needed("authenticators", |options| {
            // Those that are carried out can be used, whatever the others are.
            let is_simple = |option: &Fields<'_>| Self::simple(option).is_some();
            let any =
                names.keys().any(|name| matches!(options.needed(name, |option| Ok(is_simple(&option))), Ok(true)));
            let read = |option: Fields<'_>| match Self::read(option, base) {
                Err(error) if any && !is_simple(&option) => Ok(Self::Unsupported(error.to_string())),
                read => read,
            };
            let option = |name: &Rc<str>| Ok((Rc::clone(name), options.needed(name, read)?));
            names.keys().map(option).collect::<Result<Vec<_>, ManifestError>>()
        })?;
        Ok(Self::Selective { path, options })
    }

    fn bearer(fields: &Fields<'_>) -> Result<Self, ManifestError> {
        let token = fields.unchecked("api_token")?.ok_or_else(|| fields.missing("api_token"))?;
        let placed = |prefix: &str| prefix.is_empty().then_some(Placement::Bearer);
        match fields.secrets().named(&token, true, placed) {
            Some(name) => Ok(Self::Secret(name)),
            None => fields.checked("api_token", token).map(Self::Bearer),
        }
    }

    fn basic(fields: &Fields<'_>) -> Result<Self, ManifestError> {
        let user = fields.unchecked("username")?.ok_or_else(|| fields.missing("username"))?;
        let password = fields
            .unchecked("password")?
            .filter(|password| !password.written().is_empty() && !fields.secrets().is_never_there(password));
        if let Some(parts) = password.as_ref().and_then(|password| pair(fields, &user, password)) {
            return Ok(Self::Secret(fields.secrets().asked(Asked { placement: Placement::Pair, parts, oauth: None })));
        }
        let constant = |expression: &Expression| expression.template().constant().map(str::to_owned);
        let user_text = constant(&user).or_else(|| fields.secrets().parameter(&user));
        if let (Some(password), Some(user)) = (&password, user_text) {
            let placed = |prefix: &str| prefix.is_empty().then_some(Placement::Password(user));
            if let Some(name) = fields.secrets().named(password, true, placed) {
                return Ok(Self::Secret(name));
            }
        }
        let rest = match &password {
            None => Some(String::new()),
            Some(password) => constant(password),
        };
        // A user may be public: it is a secret where the specification says so, or where nothing else could be one.
        if let Some(rest) = rest {
            let alone = password.is_none();
            let placed = |prefix: &str| prefix.is_empty().then_some(Placement::User(rest));
            if let Some(name) = fields.secrets().named(&user, alone, placed) {
                return Ok(Self::Secret(name));
            }
        }
        let user = fields.checked("username", user)?;
        let password = password.map(|password| fields.checked("password", password)).transpose()?;
        Ok(Self::Basic { user, password })
    }

    fn key(fields: &Fields<'_>) -> Result<Self, ManifestError> {
        let value = fields.unchecked("api_token")?.ok_or_else(|| fields.missing("api_token"))?;
        let inject = match fields.component("inject_into", Inject::read)? {
            Some(inject) => inject,
            None => Inject { into: Into::Header, path: vec![fields.needed_expression("header")?] },
        };
        let field = inject.path.first().and_then(|name| name.template().constant()).map(str::to_owned);
        let placed = |prefix: &str| match (inject.into, field) {
            (Into::Header, Some(field)) => in_field(&field, prefix),
            (Into::Parameter, Some(field)) if prefix.is_empty() => Some(Placement::Query(field)),
            _ => None,
        };
        match fields.secrets().named(&value, true, placed) {
            Some(name) => Ok(Self::Secret(name)),
            None => fields.checked("api_token", value).map(|value| Self::Key { inject, value }),
        }
    }

    /// The one that this configuration names; itself where there is no choice.
    pub(crate) fn chosen(&self, config: &Value) -> Result<&Self, String> {
        let Self::Selective { path, options } = self else { return Ok(self) };
        let named = expressions::path::get(config, path).ok().flatten().unwrap_or_default().to_text();
        let found = options.iter().find(|(name, _)| **name == *named).map(|(_, authenticator)| authenticator);
        let reason = match found {
            Some(Self::Unsupported(reason)) => format!(": {reason}"),
            Some(authenticator) => return Ok(authenticator),
            None => String::new(),
        };
        let usable = options.iter().filter(|(_, option)| !matches!(option, Self::Unsupported(_)));
        let usable: Vec<&str> = usable.map(|(name, _)| &**name).collect();
        let way: Vec<Rc<str>> = path.iter().map(Value::to_text).collect();
        Err(format!("`{}` is {named:?}, and has to be one of {}{reason}", setting(&way), usable.join(", ")))
    }

    /// The secrets that the host may have to add.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Secret(name) => vec![name],
            Self::Selective { options, .. } => options.iter().flat_map(|(_, option)| option.secrets()).collect(),
            _ => Vec::new(),
        }
    }
}

/// A user and a password that both are secrets.
fn pair(fields: &Fields<'_>, user: &Expression, password: &Expression) -> Option<Vec<(&'static str, Way)>> {
    let secrets = fields.secrets();
    let user = secrets.secret_way(user, false)?;
    let password = secrets.way(password).filter(|password| *password != user)?;
    secrets.mark(&password);
    Some(vec![("user", user), ("password", password)])
}
