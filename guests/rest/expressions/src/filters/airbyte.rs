//! The reference's own filters, and `tojson`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::Digest;

use crate::call::{Context, Given, need, text};
use crate::error::{EvalError, Result};
use crate::json;
use crate::value::{Value, type_name};

pub(super) fn apply(context: &Context<'_>, name: &'static str, value: Value, given: Given) -> Result<Value> {
    match name {
        "hash" => {
            let [kind, salt] = given.bind(name, ["hash_type?", "salt?"])?;
            let kind = kind.map_or(Ok("md5".into()), |kind| text(&kind, "hash_type"))?;
            let mut message = value.to_text().as_bytes().to_vec();
            context.budget.make(message.len())?;
            if let Some(salt) = salt.filter(Value::is_true) {
                message.extend_from_slice(salt.to_text().as_bytes());
            }
            Ok(hash(&kind, &message)?.into())
        }
        "hmac" => {
            let [key, kind] = given.bind(name, ["key", "hash_type?"])?;
            if !kind.is_none_or(|kind| kind == Value::from("sha256")) {
                return Err(EvalError::value("Hash type is not allowed. Allowed types: sha256"));
            }
            Ok(hex(&hmac(need(key).to_text().as_bytes(), value.to_text().as_bytes())).into())
        }
        "base64encode" | "base64binascii_decode" => {
            let [] = given.plain(name, [])?;
            let own = method(&value, "encode")?;
            if name == "base64binascii_decode" && !own.is_ascii() {
                return Err(EvalError::raised("UnicodeEncodeError", "'ascii' codec can't encode characters"));
            }
            context.budget.make(own.len() * 2)?;
            Ok(STANDARD.encode(own.as_bytes()).into())
        }
        "base64decode" => {
            let [] = given.plain(name, [])?;
            base64decode(&method(&value, "encode")?)
        }
        "string" => {
            let [] = given.plain(name, [])?;
            let text = string(&value)?;
            context.budget.make(text.as_str().map_or(0, str::len))?;
            Ok(text)
        }
        "tojson" => {
            let [indent] = given.bind(name, ["indent?"])?;
            let text = to_json(&value, indent)?;
            context.budget.make(text.as_str().map_or(0, str::len))?;
            Ok(text)
        }
        "regex_search" => {
            let [pattern] = given.bind(name, ["regex"])?;
            crate::pattern::search(context, &value, &need(pattern))
        }
        _ => {
            let [pattern, replacement] = given.bind(name, ["regex", "replacement"])?;
            crate::pattern::replace(context, &value, &need(pattern), &need(replacement))
        }
    }
}

/// The text of what has to have a method of text.
fn method(value: &Value, name: &str) -> Result<std::rc::Rc<str>> {
    match value {
        Value::Str(text) => Ok(text.clone()),
        Value::Undefined => Err(EvalError::Undefined("what a filter is asked of is undefined".to_owned())),
        _ => {
            let message = format!("'{}' object has no attribute '{name}'", type_name(value));
            Err(EvalError::raised("AttributeError", message))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash(kind: &str, message: &[u8]) -> Result<String> {
    Ok(match kind {
        "md5" => hex(&md5::Md5::digest(message)),
        "sha1" => hex(&sha1::Sha1::digest(message)),
        "sha224" => hex(&sha2::Sha224::digest(message)),
        "sha256" => hex(&sha2::Sha256::digest(message)),
        "sha384" => hex(&sha2::Sha384::digest(message)),
        "sha512" => hex(&sha2::Sha512::digest(message)),
        "blake2b" | "blake2s" | "sha3_224" | "sha3_256" | "sha3_384" | "sha3_512" => {
            return Err(EvalError::Unsupported(format!("the hash '{kind}'")));
        }
        _ => return Err(EvalError::raised("AttributeError", format!("No hashing function named {kind}"))),
    })
}

/// RFC 2104 over SHA-256.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64;
    let mut block = if key.len() > BLOCK { sha2::Sha256::digest(key).to_vec() } else { key.to_vec() };
    block.resize(BLOCK, 0);
    let with = |pad: u8| block.iter().map(|byte| byte ^ pad).collect::<Vec<_>>();
    let inner = sha2::Sha256::new().chain_update(with(0x36)).chain_update(message).finalize();
    sha2::Sha256::new().chain_update(with(0x5c)).chain_update(inner).finalize().to_vec()
}

/// `b64decode`, which passes over characters that are none of base64's.
fn base64decode(own: &str) -> Result<Value> {
    let bad = |message: &str| EvalError::raised("Error", message.to_owned());
    let mut kept = String::with_capacity(own.len());
    let mut padding = 0;
    for letter in own.chars() {
        match letter {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/' => {
                kept.push(letter);
                padding = 0;
            }
            '=' => {
                padding += 1;
                // What is complete ends here, whatever follows.
                if kept.len() % 4 >= 2 && kept.len() % 4 + padding >= 4 {
                    break;
                }
            }
            _ => {}
        }
    }
    match kept.len() % 4 {
        1 => return Err(bad("the number of data characters cannot be 1 more than a multiple of 4")),
        2 | 3 if kept.len() % 4 + padding < 4 => return Err(bad("Incorrect padding")),
        _ => {}
    }
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    let bytes = engine.decode(kept).map_err(|_| bad("Incorrect padding"))?;
    let text = String::from_utf8(bytes);
    Ok(text.map_err(|_| EvalError::raised("UnicodeDecodeError", "what was decoded is not UTF-8"))?.into())
}

/// Trap 11: what is no text becomes JSON in quotes, so that it is read back as text.
pub(crate) fn string(value: &Value) -> Result<Value> {
    match value {
        Value::Str(_) => Ok(value.clone()),
        _ => Ok(format!("\"\"\"{}\"\"\"", json::python(value, false, None)?).into()),
    }
}

fn to_json(value: &Value, indent: Option<Value>) -> Result<Value> {
    let indent = match indent {
        None | Some(Value::None) => None,
        Some(Value::Str(indent)) => Some(indent.to_string()),
        Some(indent) => {
            let spaces = crate::call::size(crate::call::whole(&indent, "indent")?);
            Some(" ".repeat(spaces.min(100)))
        }
    };
    let text = json::python(value, true, indent.as_deref())?;
    let safe = text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027");
    Ok(safe.into())
}
