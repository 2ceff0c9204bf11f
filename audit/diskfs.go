package audit

import (
	"io"
	"io/fs"
	"math"
	"time"

	"tollgate/audit/logfile"
)

// diskFS shows the files of a disk to the readers of package logfile.
type diskFS struct{ disk disk }

var _ fs.ReadDirFS = diskFS{}

func (d diskFS) Open(name string) (fs.File, error) {
	f, err := d.disk.Open(name, 0)
	if err != nil {
		return nil, err
	}
	return &diskFile{io.NewSectionReader(f, 0, math.MaxInt64), name, f}, nil
}

// ReadDir lists the directory, which is all that there is.
func (d diskFS) ReadDir(string) ([]fs.DirEntry, error) {
	names, err := d.disk.List()
	var entries []fs.DirEntry
	for _, name := range names {
		if id, err := d.disk.Stat(name); err == nil {
			entries = append(entries, fs.FileInfoToDirEntry(diskInfo{name, id}))
		}
	}
	return entries, err
}

// diskFile is an open file. SectionReader has Read, ReadAt and Seek.
type diskFile struct {
	*io.SectionReader
	name string
	file file
}

func (f *diskFile) Close() error { return f.file.Close() }

func (f *diskFile) Stat() (fs.FileInfo, error) {
	id, err := f.file.Stat()
	return diskInfo{f.name, id}, err
}

type diskInfo struct {
	name string
	id   fileID
}

func (i diskInfo) Name() string       { return i.name }
func (i diskInfo) Size() int64        { return i.id.size }
func (i diskInfo) Mode() fs.FileMode  { return fileMode }
func (i diskInfo) ModTime() time.Time { return time.Time{} }
func (i diskInfo) IsDir() bool        { return false }
func (i diskInfo) Sys() any           { return nil }

// withReader opens a file of the log and calls fn with its reader.
func withReader(d disk, name string, fn func(r *logfile.Reader) error) error {
	r, err := logfile.Open(diskFS{d}, name)
	if err != nil {
		return err
	}
	defer r.Close() // opened for reading: nothing can be lost
	return fn(r)
}
