package keyfile

import (
	"io/fs"
	"os"
	"path/filepath"

	"tollgate/internal/osfile"
)

// giveToOwner makes an open file that of the owner of its directory, who could have put another in its place. In a directory of root's that
// a group alone may read, the gateway is of that group, and may read the file.
func giveToOwner(f *os.File) error {
	dir, err := os.Stat(filepath.Dir(f.Name()))
	if err != nil {
		return err
	}
	owner, known := osfile.OwnerOf(dir)
	if !known {
		return nil
	}
	if err := f.Chown(owner.UID, owner.GID); err != nil || !groupReads(dir.Mode(), owner) {
		return err
	}
	return f.Chmod(0o640)
}

func groupReads(dir fs.FileMode, owner osfile.Owner) bool {
	const group, others = 0o050, 0o007
	return owner.UID == 0 && owner.GID != 0 && dir&group == group && dir&others == 0
}
