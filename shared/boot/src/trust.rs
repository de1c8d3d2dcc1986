//! Which certificate authorities the AWS clients trust.
//!
//! | environment | trusted authorities |
//! |---|---|
//! | `AWS_CA_BUNDLE` names a PEM file | only those in the file |
//! | Lambda outside China, with Amazon's own endpoints | Amazon's five |
//! | any other | the system's |
//!
//! Reading the system's authorities takes 3 ms, which is most of the time of our code in a function's cold start.

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};

use crate::{SettingError, optional};

const AMAZON: &[u8] = include_bytes!("amazon-roots.pem");
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
/// Variables that can name an endpoint other than Amazon's.
const ENDPOINTS: [&str; 3] = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS"];

#[derive(Debug, PartialEq, Eq)]
enum Trust {
    System,
    Amazon,
    File(String),
}

impl Trust {
    /// Reads the environment; `variable` returns the value of a variable.
    fn read(variable: impl Fn(&'static str) -> Option<String>) -> Self {
        if let Some(file) = variable("AWS_CA_BUNDLE") {
            return Self::File(file);
        }
        let on_lambda = variable("AWS_LAMBDA_FUNCTION_NAME").is_some();
        let in_china = variable("AWS_REGION").is_none_or(|region| region.starts_with("cn-"));
        let other_endpoint = ENDPOINTS.into_iter().any(|name| variable(name).is_some());
        if on_lambda && !in_china && !other_endpoint { Self::Amazon } else { Self::System }
    }

    /// The trusted certificates; `None` for the system's.
    fn certificates(&self) -> Result<Option<Vec<u8>>, SettingError> {
        let file = match self {
            Self::System => return Ok(None),
            Self::Amazon => return Ok(Some(AMAZON.to_owned())),
            Self::File(file) => file,
        };
        let unreadable = |error| SettingError::caused("AWS_CA_BUNDLE", format!("{file} cannot be read"), error);
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        if !text.contains(CERTIFICATE) {
            return Err(SettingError::new("AWS_CA_BUNDLE", format!("{file} has no certificate in PEM")));
        }
        Ok(Some(text.into_bytes()))
    }
}

/// A client with the trusted authorities; `None` if the SDK's default client suits.
pub(crate) fn http_client() -> Result<Option<SharedHttpClient>, SettingError> {
    let Some(certificates) = Trust::read(optional).certificates()? else { return Ok(None) };
    let trusted = TrustStore::empty().with_pem_certificate(certificates);
    let context = TlsContext::builder().with_trust_store(trusted).build();
    let context = context
        .map_err(|error| SettingError::caused("AWS_CA_BUNDLE", "has certificates that cannot be used", error))?;
    Ok(Some(Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(context).build_https()))
}

#[cfg(test)]
mod tests {
    use domain::error::chain;

    use super::*;

    fn trust(set: &[(&'static str, &str)]) -> Trust {
        Trust::read(|name| set.iter().find(|(is, _)| *is == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn amazons_authorities_are_used_only_with_amazons_endpoints() {
        let lambda = [("AWS_LAMBDA_FUNCTION_NAME", "f"), ("AWS_REGION", "eu-west-1")];
        assert_eq!(trust(&lambda), Trust::Amazon);
        assert_eq!(trust(&lambda[1..]), Trust::System, "not on Lambda");
        assert_eq!(trust(&[lambda[0], ("AWS_REGION", "cn-north-1")]), Trust::System);
        for endpoint in ENDPOINTS {
            assert_eq!(trust(&[lambda[0], lambda[1], (endpoint, "https://x/")]), Trust::System);
        }
        let bundle = [lambda[0], lambda[1], ("AWS_CA_BUNDLE", "/bundle.pem")];
        assert_eq!(trust(&bundle), Trust::File("/bundle.pem".to_owned()));
    }

    #[test]
    fn an_unusable_bundle_is_an_error() {
        assert_eq!(String::from_utf8_lossy(AMAZON).matches(CERTIFICATE).count(), 5);
        let refused = |file: &str| {
            let error = Trust::File(file.to_owned()).certificates().unwrap_err();
            chain(&error).to_string()
        };
        assert!(refused("/nowhere.pem").starts_with("AWS_CA_BUNDLE: /nowhere.pem cannot be read: "));
        assert_eq!(refused("Cargo.toml"), "AWS_CA_BUNDLE: Cargo.toml has no certificate in PEM");
    }
}
