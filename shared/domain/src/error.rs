//! Errors in logs.

use std::{error::Error, fmt};

/// Prints an error and its causes, separated by `: `. A log line names a failure with it once, where it is handled:
/// `error = %chain(&error)`.
pub fn chain(error: &dyn Error) -> Chain<'_> {
    Chain(error)
}

/// See [`chain`].
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the outer one failed")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("the inner one failed")]
    struct Inner(#[source] fmt::Error);

    #[test]
    fn a_chain_names_every_cause_once() {
        let error = Outer(Inner(fmt::Error));
        let root = fmt::Error.to_string();
        assert_eq!(chain(&error).to_string(), format!("the outer one failed: the inner one failed: {root}"));
    }
}
