//! Servers that check who signed a request: moto, which plays AWS and computes each signature by botocore, and what a server
//! that was written for a test needs to do so itself.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::OnceLock;

use crate::stores::Server;
use crate::stores::signing::{base64, hmac};
use crate::{ask, python, skip};

/// Run it until the standard input ends.
const MOTO: &str = "import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from moto.server import main
main(sys.argv[1:])
";

/// Who may do everything, as its policy says.
const ANYTHING: &str = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C\
                        %22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";

/// What is in its bucket: paths as they are written in a URL, and contents.
pub const OBJECTS: [(&str, &str); 2] = [("a%20b/%2Bc%3D/Z%C3%BCrich.csv", "a,b\n1,2\n"), ("plain.csv", "c\n3\n")];

/// What somebody signs with.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The name of the key.
    pub id: String,
    /// The key.
    pub key: String,
    /// What a session has beside them.
    pub token: Option<String>,
}

/// A server that plays AWS, and answers only to who is known and signs.
pub struct Moto {
    server: Server,
    /// Of a user.
    pub user: Keys,
    /// Of a session.
    pub session: Keys,
}

impl Moto {
    /// The server of this process, with the [objects](OBJECTS) in its bucket `lake`; `None`, with the reason printed, where it
    /// cannot be had. In CI it has to be.
    pub fn running() -> Option<&'static Self> {
        static STARTED: OnceLock<Result<Moto, String>> = OnceLock::new();
        match STARTED.get_or_init(Self::start) {
            Ok(moto) => Some(moto),
            Err(reason) => {
                skip::missing(format_args!("a server that plays AWS: {reason}"));
                None
            }
        }
    }

    fn start() -> Result<Self, String> {
        let programs = python::moto()?;
        let server = Server::start(|port| {
            let mut command = Command::new(programs.join("python"));
            command.args(["-c", MOTO, "-H", "127.0.0.1", "-p", &port.to_string()]);
            command
        })?;
        let nobody = Keys { id: String::new(), key: String::new(), token: None };
        let mut moto = Self { server, user: nobody.clone(), session: nobody };
        moto.iam("Action=CreateUser&UserName=jo");
        moto.iam(&format!("Action=PutUserPolicy&UserName=jo&PolicyName=all&PolicyDocument={ANYTHING}"));
        moto.user = keys(&moto.iam("Action=CreateAccessKey&UserName=jo"));
        moto.iam("Action=CreateRole&RoleName=reader&AssumeRolePolicyDocument=%7B%7D");
        moto.iam(&format!("Action=PutRolePolicy&RoleName=reader&PolicyName=all&PolicyDocument={ANYTHING}"));
        let role = "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader";
        let assume = format!("Action=AssumeRole&Version=2011-06-15&RoleSessionName=x&RoleArn={role}");
        moto.session = keys(&moto.ask("POST", "/", "sts", &assume));
        moto.ask("PUT", "/lake", "s3", "");
        for (path, content) in OBJECTS {
            moto.ask("PUT", &format!("/lake/{path}"), "s3", content);
        }
        // From now on nobody gets anything without a signature.
        moto.ask("POST", "/moto-api/reset-auth", "", "0");
        Ok(moto)
    }

    /// Where it listens.
    pub fn server(&self) -> SocketAddr {
        self.server.address
    }

    fn iam(&self, form: &str) -> String {
        self.ask("POST", "/", "iam", &format!("{form}&Version=2010-05-08"))
    }

    /// Ask a service, which it tells by the signature.
    fn ask(&self, method: &str, target: &str, service: &str, body: &str) -> String {
        let scope = format!("Credential=x/20260101/us-east-1/{service}/aws4_request");
        let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x");
        let kind = if target == "/" { "application/x-www-form-urlencoded" } else { "text/csv" };
        let mut fields = vec![("content-type", kind)];
        fields.extend((!service.is_empty()).then_some(("authorization", signature.as_str())));
        let answer = ask::ask(self.server.address, method, target, &fields, body.as_bytes()).expect("an answer");
        let text = answer.text();
        assert!(answer.status < 300, "{method} {target} {body}: {text}");
        text
    }
}

/// The keys in an answer.
fn keys(answer: &str) -> Keys {
    let element = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>"))?;
        Some(rest.split_once('<')?.0.to_owned())
    };
    let needed = |name: &str| element(name).unwrap_or_else(|| panic!("no {name}: {answer}"));
    Keys { id: needed("AccessKeyId"), key: needed("SecretAccessKey"), token: element("SessionToken") }
}

/// HMAC-SHA256 in Base64, with a key of at most 64 bytes.
pub fn hmac_sha256(key: &[u8], text: &[u8]) -> String {
    base64(&hmac(key, text))
}
