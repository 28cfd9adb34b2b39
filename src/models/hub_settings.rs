//! Settings of the Hugging Face hub and its cache, from the same environment variables as Python's
//! `huggingface_hub`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use content::fs;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSettings {
    /// URL of the hub, without a trailing slash, from `HF_ENDPOINT`.
    pub endpoint: String,
    /// Cache folder: `HF_HUB_CACHE`, or `hub` in the folder `HF_HOME`.
    pub cache: PathBuf,
    /// Access token: the value of `HF_TOKEN`, or the content of the file `HF_TOKEN_PATH` or of the file
    /// `token` in the folder `HF_HOME`.
    pub token: Option<String>,
    /// Whether to avoid the network, because of `HF_HUB_OFFLINE` or `--offline`.
    pub offline: bool,
}

impl HubSettings {
    /// Reads the settings from environment variables, which `variable` looks up by name. An empty
    /// variable counts as unset. Paths need not be UTF-8.
    ///
    /// # Errors
    /// Returns an error if the token file exists but cannot be read.
    pub fn from_environment(
        variable: impl Fn(&str) -> Option<OsString>,
        offline: bool,
    ) -> fs::Result<Self> {
        let set =
            |name: &str| variable(name).filter(|value| !value.to_string_lossy().trim().is_empty());
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().trim().to_owned());
        let user = set("HOME").or_else(|| set("USERPROFILE")).unwrap_or_default();
        let expanded = |path: OsString| match Path::new(&path).strip_prefix("~") {
            Ok(rest) => Path::new(&user).join(rest),
            Err(_) => PathBuf::from(path),
        };
        let home = match (set("HF_HOME"), set("XDG_CACHE_HOME")) {
            (Some(home), _) => expanded(home),
            (None, Some(caches)) => expanded(caches).join("huggingface"),
            (None, None) => Path::new(&user).join(".cache/huggingface"),
        };
        let token = match text("HF_TOKEN") {
            Some(token) => Some(token),
            None => {
                let path = set("HF_TOKEN_PATH").map_or_else(|| home.join("token"), expanded);
                fs::read_if_there(&path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            }
        };
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        let offline_variable = text("HF_HUB_OFFLINE").is_some_and(|value| {
            ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str())
        });
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            cache: set("HF_HUB_CACHE").map_or_else(|| home.join("hub"), expanded),
            token: token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()),
            offline: offline || offline_variable,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> HubSettings {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).into())
        };
        HubSettings::from_environment(variable, false).unwrap()
    }

    #[test]
    fn the_default_is_the_public_hub_and_its_usual_cache() {
        let got = settings(&[("HOME", "/nowhere/ada"), ("HF_HOME", "")]);
        assert_eq!(got.endpoint, "https://huggingface.co");
        assert_eq!(got.cache, Path::new("/nowhere/ada/.cache/huggingface/hub"));
        assert_eq!((got.token, got.offline), (None, false));
    }

    #[test]
    fn the_most_specific_cache_variable_wins() {
        let xdg = ("XDG_CACHE_HOME", "/nowhere/x");
        let home = ("HF_HOME", "~/hf");
        let cache = ("HF_HUB_CACHE", "/nowhere/c");
        let user = ("HOME", "/nowhere/ada");
        assert_eq!(settings(&[user, xdg]).cache, Path::new("/nowhere/x/huggingface/hub"));
        assert_eq!(settings(&[user, xdg, home]).cache, Path::new("/nowhere/ada/hf/hub"));
        assert_eq!(settings(&[user, xdg, home, cache]).cache, Path::new("/nowhere/c"));
    }

    #[cfg(unix)]
    #[test]
    fn a_path_need_not_be_utf_8() {
        use std::os::unix::ffi::OsStringExt;
        let latin_1 = || OsString::from_vec(b"/nowhere/caf\xe9".to_vec());
        let folder = PathBuf::from(latin_1());
        for (name, cache) in [
            ("HOME", folder.join(".cache/huggingface/hub")),
            ("XDG_CACHE_HOME", folder.join("huggingface/hub")),
            ("HF_HOME", folder.join("hub")),
            ("HF_HUB_CACHE", folder),
        ] {
            let variable = |known: &str| (known == name).then(latin_1);
            let got = HubSettings::from_environment(variable, false).unwrap();
            assert_eq!(got.cache, cache, "{name}");
        }
    }

    #[test]
    fn the_token_comes_from_the_variable_or_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().to_str().unwrap();
        fs::write_atomic(&dir.path().join("token"), b"from the file\n").unwrap();
        assert_eq!(settings(&[("HF_HOME", home)]).token.as_deref(), Some("from the file"));
        let both = settings(&[("HF_HOME", home), ("HF_TOKEN", " given ")]);
        assert_eq!(both.token.as_deref(), Some("given"));
    }

    #[test]
    fn offline_is_set_by_the_variable_or_the_flag() {
        for (value, offline) in
            [("1", true), ("TRUE", true), ("yes", true), ("0", false), ("", false)]
        {
            assert_eq!(settings(&[("HF_HUB_OFFLINE", value)]).offline, offline, "{value}");
        }
        assert!(HubSettings::from_environment(|_| None, true).unwrap().offline);
    }

    #[test]
    fn a_trailing_slash_of_the_endpoint_is_removed() {
        assert_eq!(settings(&[("HF_ENDPOINT", "http://mirror/ ")]).endpoint, "http://mirror");
    }
}
