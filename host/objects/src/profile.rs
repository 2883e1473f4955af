//! The profiles that the tools of AWS keep in `~/.aws/credentials` and `~/.aws/config`, as far as they hold keys.
//!
//! Pure over the two texts. The format is that of "Configuration and credential file settings" in the AWS CLI's guide.

/// What a profile says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Whether there is one of that name.
    pub(crate) is_there: bool,
    /// An access key: its id, its secret, and a session's token.
    pub(crate) keys: Option<(String, String, Option<String>)>,
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
}

/// Settings that get credentials in ways that the host does not know.
const UNKNOWN: [&str; 5] = ["credential_process", "sso_session", "sso_start_url", "login_session", "source_profile"];

/// The profile of that name. The error says what the host cannot do for it.
pub(crate) fn find(name: &str, credentials: &str, config: &str) -> Result<Profile, String> {
    let mut profile = Profile::default();
    let (mut id, mut secret, mut token, mut unknown) = (None, None, None, None);
    let in_config = if name == "default" { name.to_owned() } else { format!("profile {name}") };
    // The credentials' file counts before the other.
    for (text, section) in [(config, &*in_config), (credentials, name)] {
        for (key, value) in section_of(text, section, &mut profile.is_there) {
            match key {
                "aws_access_key_id" => id = Some(value.to_owned()),
                "aws_secret_access_key" => secret = Some(value.to_owned()),
                "aws_session_token" => token = Some(value.to_owned()),
                "region" => profile.region = Some(value.to_owned()),
                "endpoint_url" => profile.endpoint = Some(value.to_owned()),
                key => unknown = UNKNOWN.iter().find(|unknown| **unknown == key).or(unknown),
            }
        }
    }
    profile.keys = match (id, secret, unknown) {
        (Some(id), Some(secret), _) => Some((id, secret, token)),
        (None, None, None) => None,
        (None, None, Some(unknown)) => {
            return Err(format!(
                "the host does not get credentials by `{unknown}`; \
                `aws configure export-credentials --format env` puts them into the environment"
            ));
        }
        _ => return Err("it has one of aws_access_key_id and aws_secret_access_key, and not the other".into()),
    };
    Ok(profile)
}

/// The settings of one section. Nested ones, which are indented, belong to other tools.
fn section_of<'a>(text: &'a str, wanted: &str, is_there: &mut bool) -> Vec<(&'a str, &'a str)> {
    let mut inside = false;
    let mut settings = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with([' ', '\t', '#', ';'])) {
        let line = line.trim_end();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name.trim()) {
            inside = name.split_whitespace().eq(wanted.split_whitespace());
            *is_there |= inside;
        } else if let (true, Some((key, value))) = (inside, line.split_once('=')) {
            settings.push((key.trim(), value.trim()));
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "[default]\naws_access_key_id = A\naws_secret_access_key=b=c/d+\n\n[lake]\n\
        aws_access_key_id=L\naws_secret_access_key=m\naws_session_token=t\n[half]\naws_access_key_id=H\n";
    const CONFIG: &str = "# mine\n[default]\nregion = eu-central-1\n[profile lake]\nregion=us-east-2\n\
        endpoint_url = https://s3.example\ns3 =\n  region = nested\n[profile sso]\nsso_session = x\n[lake]\nregion=wrong\n";

    #[test]
    fn a_profile_is_found_in_both_files() {
        let found = |name| find(name, CREDENTIALS, CONFIG);
        let keys =
            |id: &str, secret: &str, token: Option<&str>| Some((id.into(), secret.into(), token.map(Into::into)));
        let default = Profile {
            is_there: true,
            keys: keys("A", "b=c/d+", None),
            region: Some("eu-central-1".into()),
            endpoint: None,
        };
        assert_eq!(found("default"), Ok(default));
        let lake = found("lake").expect("a profile");
        assert_eq!((lake.keys, lake.region.as_deref()), (keys("L", "m", Some("t")), Some("us-east-2")));
        assert_eq!(lake.endpoint.as_deref(), Some("https://s3.example"));
        assert_eq!(found("none"), Ok(Profile::default()));
    }

    #[test]
    fn what_the_host_cannot_do_is_told() {
        for (name, word) in [("sso", "sso_session"), ("half", "aws_secret_access_key")] {
            assert!(find(name, CREDENTIALS, CONFIG).expect_err(name).contains(word), "{name}");
        }
    }
}
