//! What programs need of a machine in order to work, and what of it is nobody's business: by well-known names.

use crate::os;
use std::path::{Path, PathBuf};

/// Of the home: how shells and tools were told to work.
const SETTINGS: [&str; 22] = [
    ".gitconfig",
    ".gitignore",
    ".gitignore_global",
    ".bashrc",
    ".bash_profile",
    ".bash_aliases",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".oh-my-zsh",
    ".inputrc",
    ".editorconfig",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".condarc",
    ".gemrc",
    ".config/pip",
    ".config/uv",
    ".config/pypoetry",
    ".config/fish",
];
/// Of the home: where toolchains are installed, and what of them is a login.
const TOOLCHAINS: [(&str, &[&str]); 37] = [
    (".cargo", &["credentials", "credentials.toml"]),
    (".rustup", &[]),
    (".config/git", &["credentials"]),
    (".config/mise", &[]),
    (".nvm", &[]),
    (".volta", &[]),
    (".fnm", &[]),
    (".local/share/fnm", &[]),
    (".local/bin", &[]),
    (".local/lib", &[]),
    (".local/pipx", &[]),
    (".local/share/pipx", &[]),
    (".local/share/mise", &[]),
    (".local/share/rtx", &[]),
    (".local/share/pnpm", &[]),
    (".local/share/gem", &[]),
    (".local/state/fnm_multishells", &[]),
    (".asdf", &[]),
    (".pyenv", &[]),
    (".rbenv", &[]),
    (".rvm", &[]),
    (".sdkman", &[]),
    (".jenv", &[]),
    (".ghcup", &[]),
    (".opam", &[]),
    (".elan", &[]),
    (".juliaup", &[]),
    (".dotnet", &[]),
    (".bun", &[]),
    (".deno", &[]),
    (".npm-global", &[]),
    (".gem", &["credentials"]),
    (".bundle", &["config"]),
    (".conda", &[]),
    ("miniconda3", &[]),
    ("go", &[]),
    ("bin", &[]),
];
/// Of the home: where package managers keep what they downloaded or built, and what of it is a login. They are writable:
/// nothing could be installed otherwise.
const CACHES: [(&str, &[&str]); 26] = [
    (".cache", &["huggingface", "keyring", "gh", "mozilla", "google-chrome", "chromium", "thunderbird"]),
    (".cargo/registry", &[]),
    (".cargo/git", &[]),
    (".cargo/.package-cache", &[]),
    (".cargo/.package-cache-mutate", &[]),
    (".cargo/.global-cache", &[]),
    (".cargo/.crates.toml", &[]),
    (".npm", &[]),
    (".yarn/berry", &[]),
    (".local/share/pnpm/store", &[]),
    (".local/share/virtualenvs", &[]),
    (".local/share/uv", &["credentials"]),
    (".bun/install/cache", &[]),
    ("go/pkg", &[]),
    (".gradle/caches", &[]),
    (".gradle/daemon", &[]),
    (".gradle/native", &[]),
    (".gradle/wrapper", &[]),
    (".m2/repository", &[]),
    (".m2/wrapper", &[]),
    (".ivy2/cache", &[]),
    (".sbt", &["credentials"]),
    (".nuget/packages", &[]),
    (".hex", &["hex.config"]),
    (".mix", &[]),
    (".pub-cache", &["credentials.json"]),
];

/// Where the usual package managers keep what they download. A confined one could not make its folder itself.
const MADE_FOR: [(&str, &[&str]); 9] = [
    ("npm", &[".npm"]),
    ("cargo", &[".cargo/registry", ".cargo/git"]),
    ("uv", &[".cache", ".local/share/uv"]),
    ("pip", &[".cache"]),
    ("go", &["go/pkg", ".cache"]),
    ("mvn", &[".m2/repository"]),
    ("pnpm", &[".local/share/pnpm/store", ".cache"]),
    ("yarn", &[".cache", ".yarn/berry"]),
    ("bun", &[".bun/install/cache"]),
];

/// Makes the folders that package managers would make when they are used first. Where that cannot be done they say so
/// themselves.
pub(super) fn make_caches() {
    let Some(home) = home().filter(|home| home.is_dir()) else { return };
    let there = MADE_FOR.iter().filter(|(program, _)| os::program_on_path(program).is_some());
    for folder in there.flat_map(|(_, folders)| folders.iter()) {
        let _said_by_its_program = std::fs::create_dir_all(home.join(folder));
    }
}

/// What every confined program may reach, whatever it is.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) read: Vec<PathBuf>,
    pub(super) write: Vec<PathBuf>,
    pub(super) devices: Vec<PathBuf>,
}

impl Places {
    /// Of this machine and this person.
    pub(super) fn here() -> Self {
        let mut places = Self {
            read: os::SYSTEM_READ.iter().map(PathBuf::from).collect(),
            write: vec![PathBuf::from(os::SHARED_MEMORY)],
            devices: os::DEVICES.iter().map(PathBuf::from).collect(),
        };
        // For anybody else than the superuser their modes keep them.
        let readable = |name: &&str| std::fs::File::open(Path::new("/etc").join(name)).is_ok();
        let secrets: Vec<&str> = os::SECRETS_OF_ETC.iter().copied().filter(readable).collect();
        places.read.extend(all_but(Path::new("/etc"), &secrets));
        places.read.extend(programs_on_path());
        places.read.push(os::own_program().to_owned());
        if let Some(home) = home() {
            let settings = SETTINGS.iter().map(|name| home.join(name));
            places.read.extend(settings.filter(|path| !holds_login(path)));
            places.read.extend(TOOLCHAINS.iter().flat_map(|(name, logins)| all_but(&home.join(name), logins)));
            places.write.extend(CACHES.iter().flat_map(|(name, logins)| all_but(&home.join(name), logins)));
        }
        let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        for (variable, logins) in
            [("CARGO_HOME", &["credentials", "credentials.toml"][..]), ("RUSTUP_HOME", &[]), ("NVM_DIR", &[])]
        {
            places.read.extend(named(variable).into_iter().flat_map(|path| all_but(&path, logins)));
        }
        let of_cargo = named("CARGO_HOME").into_iter();
        let caches = ["registry", "git", ".package-cache", ".package-cache-mutate", ".global-cache"];
        places.write.extend(of_cargo.flat_map(|home| caches.map(|name| home.join(name))));
        places
            .write
            .extend(["XDG_CACHE_HOME", "GOPATH", "GOCACHE", "npm_config_cache"].iter().filter_map(|n| named(n)));
        places.write.retain(|path| !is_all_of(home().as_deref(), path));
        places.read.retain(|path| !is_all_of(home().as_deref(), path));
        places
    }
}

/// The home of this person.
pub(super) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute() && home.parent().is_some())
}

/// The home itself, or what it lies in: nothing would be left to keep.
fn is_all_of(home: Option<&Path>, path: &Path) -> bool {
    path.parent().is_none() || home.is_some_and(|home| home.starts_with(path))
}

/// A path as a whole, or, where it holds something of these names, everything else that it holds now.
pub(super) fn all_but(path: &Path, names: &[&str]) -> Vec<PathBuf> {
    if !names.iter().any(|name| path.join(name).symlink_metadata().is_ok()) {
        return vec![path.to_owned()];
    }
    let children = path.read_dir().into_iter().flatten().flatten();
    children.filter(|entry| !names.iter().any(|name| entry.file_name() == *name)).map(|entry| entry.path()).collect()
}

/// The folders of programs, with what those programs load: the folders beside `bin`.
fn programs_on_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    folders.flat_map(|folder| around(&folder).into_iter().chain([folder])).collect()
}

/// A program with what it may load.
pub(super) fn of_program(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or(path);
    // The packages beside its own.
    let packages = path.ancestors().find(|above| above.file_name().is_some_and(|name| name == "node_modules"));
    around(folder).into_iter().chain(packages.map(Path::to_owned)).chain([path.to_owned()]).collect()
}

/// What a program in this folder may be only the door to.
fn around(folder: &Path) -> Vec<PathBuf> {
    let is_door = folder.file_name().is_some_and(|name| name == "bin" || name == ".bin" || name == "shims");
    let Some(prefix) = folder.parent().filter(|_| is_door) else { return Vec::new() };
    let is_wide = prefix.parent().is_none_or(|above| above.parent().is_none()) || prefix.ends_with(".local");
    if is_wide || is_all_of(home().as_deref(), prefix) || home().is_some_and(|h| prefix.parent() == Some(&h)) {
        return ["lib", "lib64", "libexec", "include"].iter().map(|name| prefix.join(name)).collect();
    }
    all_but(prefix, &["credentials", "credentials.toml"])
}

/// Whether a file of settings holds a password or a token besides.
fn holds_login(path: &Path) -> bool {
    const MOST: u64 = 1 << 20;
    let is_rc = path.file_name().is_some_and(|name| name.to_string_lossy().contains("rc"));
    let text = || os::read_linked_text(path, MOST).unwrap_or_default().to_ascii_lowercase();
    let words = ["_auth", "_password", "authtoken", "npmauthtoken", "password ="];
    is_rc && path.is_file() && {
        let text = text();
        words.iter().any(|word| text.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_given_as_a_whole_unless_it_holds_a_login() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::write(path.join("config.toml"), "").unwrap();
        assert_eq!(all_but(path, &["credentials"]), [path.to_owned()]);
        std::fs::write(path.join("credentials"), "token").unwrap();
        assert_eq!(all_but(path, &["credentials"]), [path.join("config.toml")]);
    }

    #[test]
    fn a_file_with_a_token_is_no_mere_setting() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".npmrc");
        std::fs::write(&file, "registry=https://example.org\n").unwrap();
        assert!(!holds_login(&file));
        std::fs::write(&file, "//example.org/:_authToken=abc\n").unwrap();
        assert!(holds_login(&file));
    }

    #[test]
    fn what_a_program_loads_lies_beside_its_folder_and_never_is_the_home() {
        assert_eq!(around(Path::new("/srv/tools/node/bin")), [PathBuf::from("/srv/tools/node")]);
        assert!(around(Path::new("/usr/bin")).iter().all(|path| path.starts_with("/usr/")));
        assert!(around(Path::new("/srv/tools")).is_empty());
        if let Some(home) = home() {
            assert!(!around(&home.join("bin")).contains(&home));
            assert!(!around(&home.join(".local/bin")).contains(&home.join(".local")));
        }
    }
}
