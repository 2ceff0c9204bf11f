package auditcmd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"tollgate/internal/osfile"
)

// giveIndexToOwner makes the files of an index that root has built those of the owner of their directory, as whom the gateway runs: it could
// not open them otherwise, and would go on without an index.
func giveIndexToOwner(index string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	built, err := filepath.EvalSymlinks(index)
	if err != nil {
		return err
	}
	return errors.Join(giveToOwner(built), giveToOwner(index+".lock"))
}

// giveToOwner changes the owner of a file of root's that has no other name: the owner of a directory may have put a link to another file in it.
func giveToOwner(file string) error {
	folder, err := os.Stat(filepath.Dir(file))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_RDONLY|osfile.NoFollow|osfile.NonBlock, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	gateway, known := osfile.OwnerOf(folder)
	if owner, ok := osfile.OwnerOf(info); !known || !ok || owner.UID != 0 || owner.Links != 1 {
		return nil
	}
	return f.Chown(gateway.UID, gateway.GID)
}
