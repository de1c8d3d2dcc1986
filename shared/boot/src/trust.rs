//! Which certificate authorities the AWS clients trust.
//!
//! | where | whom |
//! |---|---|
//! | `AWS_CA_BUNDLE` names a file | those in it, in PEM, and nobody else |
//! | on Lambda, asking Amazon's own endpoints outside China | Amazon's five |
//! | elsewhere | whom the machine trusts |
//!
//! Reading all that a machine trusts takes 3 ms, most of what our code does in a function's cold start.

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};

use crate::{SettingError, optional};

const AMAZON: &[u8] = include_bytes!("amazon-roots.pem");
/// Names a file of certificates.
const BUNDLE: &str = "AWS_CA_BUNDLE";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
/// Where an endpoint may be named that is not Amazon's.
const ELSEWHERE: [&str; 3] = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS"];

#[derive(Debug, PartialEq, Eq)]
enum Trust {
    Machine,
    Amazon,
    File(String),
}

impl Trust {
    /// What the environment says, of which `variable` gives a variable's value.
    fn read(variable: impl Fn(&'static str) -> Option<String>) -> Self {
        if let Some(file) = variable(BUNDLE) {
            return Self::File(file);
        }
        let on_lambda = variable("AWS_LAMBDA_FUNCTION_NAME").is_some();
        let in_china = variable("AWS_REGION").is_none_or(|region| region.starts_with("cn-"));
        let elsewhere = ELSEWHERE.into_iter().any(|name| variable(name).is_some());
        if on_lambda && !in_china && !elsewhere { Self::Amazon } else { Self::Machine }
    }

    /// The certificates, unless they are the machine's.
    fn certificates(&self) -> Result<Option<Vec<u8>>, SettingError> {
        let file = match self {
            Self::Machine => return Ok(None),
            Self::Amazon => return Ok(Some(AMAZON.to_owned())),
            Self::File(file) => file,
        };
        let unreadable = |error| SettingError::caused(BUNDLE, format!("{file} cannot be read"), error);
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        if !text.contains(CERTIFICATE) {
            return Err(SettingError::new(BUNDLE, format!("{file} has no certificate in PEM")));
        }
        Ok(Some(text.into_bytes()))
    }
}

/// A client that trusts whom the environment says; `None` where the SDK's own does.
pub fn http_client() -> Result<Option<SharedHttpClient>, SettingError> {
    let Some(certificates) = Trust::read(optional).certificates()? else { return Ok(None) };
    let trusted = TrustStore::empty().with_pem_certificate(certificates);
    let context = TlsContext::builder().with_trust_store(trusted).build();
    let context =
        context.map_err(|error| SettingError::caused(BUNDLE, "has certificates that cannot be used", error))?;
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
    fn amazons_own_are_enough_where_only_amazon_is_asked() {
        let lambda = [("AWS_LAMBDA_FUNCTION_NAME", "f"), ("AWS_REGION", "eu-west-1")];
        assert_eq!(trust(&lambda), Trust::Amazon);
        assert_eq!(trust(&lambda[1..]), Trust::Machine, "not on Lambda");
        assert_eq!(trust(&[lambda[0], ("AWS_REGION", "cn-north-1")]), Trust::Machine);
        for elsewhere in ELSEWHERE {
            assert_eq!(trust(&[lambda[0], lambda[1], (elsewhere, "https://x/")]), Trust::Machine);
        }
        let told = [lambda[0], lambda[1], ("AWS_CA_BUNDLE", "/bundle.pem")];
        assert_eq!(trust(&told), Trust::File("/bundle.pem".to_owned()));
    }

    #[test]
    fn a_bundle_that_is_none_is_told() {
        assert_eq!(String::from_utf8_lossy(AMAZON).matches(CERTIFICATE).count(), 5);
        let refused = |file: &str| {
            let error = Trust::File(file.to_owned()).certificates().unwrap_err();
            chain(&error).to_string()
        };
        assert!(refused("/nowhere.pem").starts_with("AWS_CA_BUNDLE: /nowhere.pem cannot be read: "));
        assert_eq!(refused("Cargo.toml"), "AWS_CA_BUNDLE: Cargo.toml has no certificate in PEM");
    }
}
