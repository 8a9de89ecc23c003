//! The folder of the store: its mode, and the file systems that cannot keep it safe.

use crate::BusError;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

pub(super) fn prepare_folder(folder: &Path, refuse_network: bool) -> Result<(), BusError> {
    let failed = |e: std::io::Error| BusError::Store(format!("{}: {e}", folder.display()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    let stat = rustix::fs::statfs(folder).map_err(|e| failed(e.into()))?;
    #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "a magic number, compared bit by bit")]
    let magic = stat.f_type as u32;
    match network_file_system(magic) {
        Some(kind) if refuse_network => Err(BusError::NetworkFileSystem { path: folder.display().to_string(), kind }),
        _ => Ok(()),
    }
}

/// Magic numbers of `statfs(2)` for file systems whose locks and syncs cannot be relied on.
fn network_file_system(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => Some("SMB"),
        0x0102_1997 => Some("9P"),
        0x00C3_6400 => Some("Ceph"),
        0x5346_414F => Some("AFS"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::network_file_system;

    #[test]
    fn network_file_systems_are_told_from_local_ones() {
        assert_eq!(network_file_system(0x6969), Some("NFS"));
        assert_eq!(network_file_system(0xFE53_4D42), Some("SMB"));
        assert_eq!(network_file_system(0xEF53), None, "ext4");
        assert_eq!(network_file_system(0x0102_1994), None, "tmpfs");
    }
}
