//! Which parts a secret has that a token is got with.

use super::{ClientAuth, OAuth, TokenGrant};
use crate::domain::Parts;

impl OAuth {
    /// The parts that its secret has: those that it needs, and those that it may have.
    pub fn parts(&self) -> Parts {
        let named = self.client_id.is_some();
        if self.client_auth == ClientAuth::Key && !self.is_by_assertion() {
            return self.signed_parts(named);
        }
        let (required, optional): (&[_], &[_]) = match (self.grant, named) {
            (TokenGrant::ClientCredentials, false) => (&["client-id", "client-secret"], &[]),
            (TokenGrant::ClientCredentials, true) => (&["client-secret"], &[]),
            (TokenGrant::Password, false) => (&["password"], &["username", "client-id", "client-secret"]),
            (TokenGrant::Password, true) => (&["password"], &["username", "client-secret"]),
            (TokenGrant::RefreshToken, false) => (&["client-id", "refresh-token"], &["client-secret"]),
            (TokenGrant::RefreshToken, true) => (&["refresh-token"], &["client-secret"]),
            (TokenGrant::AuthorizationCode | TokenGrant::DeviceCode, false) => (&["client-id"], &["client-secret"]),
            (TokenGrant::AuthorizationCode | TokenGrant::DeviceCode, true) => (&[], &["client-secret"]),
            (TokenGrant::JwtBearer, _) => (&["key"], &["issuer", "client-id", "client-secret"]),
            (TokenGrant::Signed, _) => (&["key"], &["issuer"]),
        };
        Parts { required, optional }
    }

    /// The same where a key says who the client is.
    fn signed_parts(&self, named: bool) -> Parts {
        let (required, optional): (&[_], &[_]) = match (self.grant, named) {
            (TokenGrant::Password, false) => (&["client-id", "key", "password"], &["username"]),
            (TokenGrant::Password, true) => (&["key", "password"], &["username"]),
            (TokenGrant::RefreshToken, false) => (&["client-id", "key", "refresh-token"], &[]),
            (TokenGrant::RefreshToken, true) => (&["key", "refresh-token"], &[]),
            (_, false) => (&["client-id", "key"], &[]),
            (_, true) => (&["key"], &[]),
        };
        Parts { required, optional }
    }

    /// Whether an assertion is what gives the right to a token, and so no word of who the client is.
    pub(super) fn is_by_assertion(&self) -> bool {
        matches!(self.grant, TokenGrant::JwtBearer | TokenGrant::Signed)
    }
}
