// Package pack writes archives whose bytes depend on nothing but what is in them: sorted names, one time for all, owners by number.
package pack

import (
	"archive/tar"
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Entry is a file or folder of an archive.
type Entry struct {
	Name string      // with slashes; that of a folder ends in one
	Mode fs.FileMode // permission bits
	Data []byte
	UID  int
	GID  int
}

// Folder returns an empty folder of root's.
func Folder(name string, mode fs.FileMode) Entry { return Entry{Name: name + "/", Mode: mode} }

// File returns a file of root's.
func File(name string, mode fs.FileMode, data []byte) Entry {
	return Entry{Name: name, Mode: mode, Data: data}
}

func (e Entry) isFolder() bool { return strings.HasSuffix(e.Name, "/") }

// maxDepth is how deep folders may be in each other, which links can make without end.
const maxDepth = 20

// Tree returns the files below a folder of this machine that keep accepts by their real paths, if it is not nil, and the folders that have some.
// A folder is put before their names, and links are followed. All are readable, and executable where they are here.
func Tree(folder, prefix string, keep func(file string) bool) ([]Entry, error) {
	if strings.Count(prefix, "/") > maxDepth {
		return nil, fmt.Errorf("%s is too deep", folder)
	}
	names, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, name := range names {
		below, err := branch(filepath.Join(folder, name.Name()), path.Join(prefix, name.Name()), keep)
		if err != nil {
			return nil, err
		}
		entries = append(entries, below...)
	}
	if prefix != "" && len(entries) > 0 {
		entries = append(entries, Folder(prefix, 0o755))
	}
	return entries, nil
}

// branch is a folder or file of [Tree].
func branch(file, name string, keep func(string) bool) ([]Entry, error) {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return Tree(file, name, keep)
	case keep != nil && !keep(file):
		return nil, nil
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", file)
	}
	data, err := os.ReadFile(file)
	return []Entry{File(name, modeOf(info), data)}, err
}

// modeOf is that of a file in an archive. Of the mode here it depends on one bit alone, which is also all that git knows.
func modeOf(info fs.FileInfo) fs.FileMode {
	if info.Mode()&0o100 != 0 {
		return 0o755
	}
	return 0o644
}

// Write writes an archive in one of the formats of this package.
type Write func(w io.Writer, at time.Time, entries []Entry) error

// Tar writes an archive in the format of POSIX.
func Tar(w io.Writer, at time.Time, entries []Entry) error {
	sorted, err := inOrder(entries)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	for _, e := range sorted {
		if err := archive.WriteHeader(tarHeader(e, at)); err != nil {
			return err
		}
		if _, err := archive.Write(e.Data); err != nil {
			return err
		}
	}
	return archive.Close()
}

func tarHeader(e Entry, at time.Time) *tar.Header {
	h := &tar.Header{
		Typeflag: tar.TypeReg, Name: e.Name, Size: int64(len(e.Data)), Mode: int64(e.Mode), Uid: e.UID, Gid: e.GID, ModTime: at.UTC(), Format: tar.FormatPAX,
	}
	if e.isFolder() {
		h.Typeflag = tar.TypeDir
	}
	return h
}

// TarGz is [Tar], compressed.
func TarGz(w io.Writer, at time.Time, entries []Entry) error {
	compressed, err := gzip.NewWriterLevel(w, gzip.BestCompression) // its header has no time and no name
	if err != nil {
		return err
	}
	return errors.Join(Tar(compressed, at, entries), compressed.Close())
}

// Zip writes an archive as Windows opens it. It has no owners.
func Zip(w io.Writer, at time.Time, entries []Entry) error {
	sorted, err := inOrder(entries)
	if err != nil {
		return err
	}
	archive := zip.NewWriter(w)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	for _, e := range sorted {
		if err := addToZip(archive, e, at); err != nil {
			return err
		}
	}
	return archive.Close()
}

func addToZip(archive *zip.Writer, e Entry, at time.Time) error {
	h := &zip.FileHeader{Name: e.Name, Method: zip.Deflate, Modified: at.UTC()}
	h.SetMode(e.Mode)
	if e.isFolder() {
		h.SetMode(e.Mode | fs.ModeDir)
	}
	w, err := archive.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = w.Write(e.Data)
	return err
}

// inOrder sorts entries by name, which has a folder before what is in it, and refuses two of one name.
func inOrder(entries []Entry) ([]Entry, error) {
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	for i := range sorted[min(1, len(sorted)):] {
		if sorted[i].Name == sorted[i+1].Name {
			return nil, fmt.Errorf("two files are named %s", sorted[i].Name)
		}
	}
	return sorted, nil
}
