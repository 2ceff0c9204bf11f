package export

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"tollgate/audit/blobs"
	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/audit/proof"
)

// Meta is what a bundle has besides its log. The last key has signed the checkpoint; whether it is the log's is for the verifier to check.
type Meta struct {
	Checkpoint  string                 // note of the log's last record
	Keys        []checkpoint.PublicKey // in the order of their use
	Blobs       fs.FS                  // has the folder of the texts that records name
	Consistency *proof.Consistency     // from Checkpoint to the newest one when the bundle was made; nil if that was the same
}

const (
	// maxDirectory bounds the bytes that are read of an archive to list its files, and so their number.
	maxDirectory = 8 << 20
	// maxText bounds each file beside the log, in bytes.
	maxText = proof.MaxFile
	// maxRatio is by how much an archive may grow when it is unpacked. Records shrink to a tenth or so, but unauthenticated
	// peers can send what shrinks further; deflate does no more than this, so an archive beyond uses the same bytes several times.
	maxRatio = 1032
)

// Open opens a bundle: an archive, or the folder that it was unpacked into. The files of its log are those of the file system
// returned, which lasts until the closer is closed. It returns an error for an archive with any file that bundles do not have,
// or that grows out of proportion when it is unpacked, and for a folder with such a file in its log.
func Open(name string) (fs.FS, Meta, io.Closer, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, Meta{}, nil, fmt.Errorf("opening a bundle: %w", err)
	}
	open := openArchive
	if info.IsDir() {
		open = openFolder
	}
	log, meta, closer, err := open(name)
	if err != nil {
		return nil, Meta{}, nil, fmt.Errorf("%s is no bundle: %w", name, err)
	}
	return log, meta, closer, nil
}

func openArchive(name string) (fs.FS, Meta, io.Closer, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, Meta{}, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, Meta{}, nil, errors.Join(err, f.Close())
	}
	log, meta, err := read(f, info.Size())
	if err != nil {
		return nil, Meta{}, nil, errors.Join(err, f.Close())
	}
	return log, meta, f, nil
}

// openFolder opens a folder; links that lead out of it are errors.
func openFolder(name string) (fs.FS, Meta, io.Closer, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, Meta{}, nil, err
	}
	log, meta, err := readFolder(root.FS())
	if err != nil {
		return nil, Meta{}, nil, errors.Join(err, root.Close())
	}
	return log, meta, root, nil
}

func readFolder(folder fs.FS) (fs.FS, Meta, error) {
	entries, err := fs.ReadDir(folder, path.Clean(logFolder))
	if err != nil {
		return nil, Meta{}, err
	}
	for _, entry := range entries {
		if name := logFolder + entry.Name(); !known(name) || !entry.Type().IsRegular() {
			return nil, Meta{}, fmt.Errorf("it holds %.100q, which no bundle does", name)
		}
	}
	if len(entries) == 0 {
		return nil, Meta{}, errNoSegments
	}
	return parts(folder)
}

// parts returns the log of a bundle, and what the bundle has besides.
func parts(bundle fs.FS) (fs.FS, Meta, error) {
	log, err := fs.Sub(bundle, path.Clean(logFolder))
	if err != nil {
		return nil, Meta{}, err
	}
	meta, err := readMeta(bundle)
	meta.Blobs = bundle
	return log, meta, err
}

func read(r io.ReaderAt, size int64) (fs.FS, Meta, error) {
	budget := &budgetReader{r: r, left: maxDirectory}
	z, err := zip.NewReader(budget, size)
	if err != nil {
		return nil, Meta{}, err
	}
	budget.left = -1
	if err := checkFiles(z, size); err != nil {
		return nil, Meta{}, err
	}
	return parts(z)
}

var errNoSegments = errors.New("it holds no log")

// budgetReader returns an error when more is read than is left. A negative number is no bound.
type budgetReader struct {
	r    io.ReaderAt
	left int64
}

func (b *budgetReader) ReadAt(p []byte, off int64) (int, error) {
	if b.left >= 0 {
		if b.left -= int64(len(p)); b.left < 0 {
			return 0, errors.New("it holds too many files")
		}
	}
	return b.r.ReadAt(p, off)
}

func checkFiles(z *zip.Reader, size int64) error {
	total, seen, segments := uint64(0), map[string]bool{}, 0
	for _, f := range z.File {
		switch {
		case seen[f.Name]:
			return fmt.Errorf("it holds %q twice", f.Name)
		case !known(f.Name):
			return fmt.Errorf("it holds %.100q, which no bundle does", f.Name)
		case f.Method != zip.Deflate && f.Method != zip.Store || f.Flags&1 != 0:
			return fmt.Errorf("%s is encrypted, or packed in a way that bundles are not", f.Name)
		case !f.Mode().IsRegular() && f.Name != logFolder && f.Name != blobFolder:
			return fmt.Errorf("%s is no plain file: unpacked, it would be another than what is verified", f.Name)
		case f.UncompressedSize64 > maxText && !strings.HasPrefix(f.Name, logFolder) && !strings.HasPrefix(f.Name, blobFolder),
			f.UncompressedSize64 > blobs.MaxText && strings.HasPrefix(f.Name, blobFolder):
			return fmt.Errorf("%s is longer than a bundle's can be", f.Name)
		case f.UncompressedSize64 > maxRatio*uint64(size): // before the sum, which cannot overflow then
			return fmt.Errorf("%s grows to %d bytes when it is unpacked", f.Name, f.UncompressedSize64)
		}
		if seen[f.Name] = true; strings.HasPrefix(f.Name, logFolder) && f.Name != logFolder {
			segments++
		}
		if total += f.UncompressedSize64; total > maxRatio*uint64(size) {
			return fmt.Errorf("it grows to more than %d times its size when it is unpacked", maxRatio)
		}
	}
	if segments == 0 {
		return errNoSegments
	}
	return nil
}

// known reports whether bundles have a file of the name. A folder may be there if the archive was packed again.
func known(name string) bool {
	switch name {
	case readmeName, keyName, checkpointName, consistencyName, verifierName, logFolder, blobFolder:
		return true
	}
	if blob, ok := strings.CutPrefix(name, blobFolder); ok {
		return blobs.IsName(blob)
	}
	segment, inLog := strings.CutPrefix(name, logFolder)
	_, hashes, ok := logfile.ParseFileName(segment)
	return inLog && ok && !hashes
}

func readMeta(bundle fs.FS) (m Meta, err error) {
	if m.Checkpoint, err = text(bundle, checkpointName); err != nil {
		return m, err
	}
	keys, err := text(bundle, keyName)
	if err != nil {
		return m, err
	}
	if m.Keys, err = proof.ParseKeys(keys); err != nil {
		return m, fmt.Errorf("%s: %w", keyName, err)
	}
	if err := m.checkSigned(); err != nil {
		return m, err
	}
	file, err := text(bundle, consistencyName)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	p, err := proof.Parse([]byte(file))
	if err != nil {
		return m, fmt.Errorf("%s: %w", consistencyName, err)
	}
	var ok bool
	if m.Consistency, ok = p.(*proof.Consistency); !ok || m.Consistency.Old.Note != m.Checkpoint {
		return m, fmt.Errorf("%s is not a proof from the checkpoint of the bundle to a later one", consistencyName)
	}
	return m, nil
}

// checkSigned returns an error unless the last of the keys has signed, which is the one that the bundle's README uses.
func (m *Meta) checkSigned() error {
	_, signed, err := proof.OpenNote(m.Checkpoint, m.Keys...)
	if err != nil {
		return fmt.Errorf("%s, with the keys of %s: %w", checkpointName, keyName, err)
	}
	if last := m.Keys[len(m.Keys)-1]; signed[len(signed)-1] != last {
		return fmt.Errorf("%s is not signed by the last key of %s", checkpointName, keyName)
	}
	return nil
}

func text(bundle fs.FS, name string) (string, error) {
	info, err := fs.Lstat(bundle, name)
	if err == nil && !info.Mode().IsRegular() { // a pipe would never end
		err = fmt.Errorf("%s is no regular file", name)
	}
	if err != nil {
		return "", err
	}
	f, err := bundle.Open(name)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err = errors.Join(err, f.Close()); err == nil && len(b) > maxText {
		err = fmt.Errorf("%s is longer than %d bytes", name, maxText)
	}
	return string(b), err
}
