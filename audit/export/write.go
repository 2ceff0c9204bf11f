package export

import (
	"archive/zip"
	_ "embed" // README.txt and verify.py
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	"tollgate/audit/blobs"
	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/audit/proof"
)

// The files of a bundle beside the log.
const (
	readmeName      = "README.txt"
	keyName         = "key.txt"
	checkpointName  = "checkpoint.txt"
	consistencyName = "consistency.json"
	verifierName    = "verify.py"
	logFolder       = "log/"
	blobFolder      = blobs.Folder + "/"
)

//go:embed verify.py
var verifier string

// Verifier returns verify.py, which is in each bundle, and verifies proofs of calls too.
func Verifier() string { return verifier }

//go:embed readme.txt
var readmeText string

var readme = sync.OnceValue(func() *template.Template {
	return template.Must(template.New(readmeName).Funcs(template.FuncMap{
		"time": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	}).Parse(readmeText))
})

// Write writes the bundle of the records of a period: from a time on, and before another. It leaves out records
// behind the last checkpoint; the error wraps [proof.ErrNotCovered] if there are only such. After an error what was written is of no
// use.
func Write(w io.Writer, log *proof.Log, from, to time.Time) (*Summary, error) {
	s, err := plan(log, from, to)
	if err != nil {
		return nil, err
	}
	out := &archive{zip: zip.NewWriter(w), at: s.Checkpoint.Time, named: map[string]bool{}}
	if err := errors.Join(out.about(s, log), out.lines(s, log)); err != nil {
		return nil, err
	}
	if err := out.plans(s, log); err != nil {
		return nil, err
	}
	return s, out.zip.Close()
}

// archive writes the files of a bundle. All have one time, so that the bytes do not depend on when it was written.
type archive struct {
	zip   *zip.Writer
	at    time.Time
	named map[string]bool // ids of plans that lines name
}

func (w *archive) create(name string) (io.Writer, error) {
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: w.at.UTC()}
	h.SetMode(0o644)
	return w.zip.CreateHeader(h)
}

func (w *archive) text(name, text string) error {
	f, err := w.create(name)
	if err == nil {
		_, err = io.WriteString(f, text)
	}
	return err
}

// about writes all files but the log.
func (w *archive) about(s *Summary, log *proof.Log) error {
	var text strings.Builder
	err := readme().Execute(&text, struct {
		*Summary
		Log   string
		Grown bool
	}{s, s.Checkpoint.Origin, s.grown()})
	if err != nil {
		return err
	}
	err = errors.Join(w.text(readmeName, text.String()), w.text(keyName, s.Keys.String()), w.text(checkpointName, s.Checkpoint.Note))
	if err == nil && s.grown() {
		err = w.consistency(s, log)
	}
	return errors.Join(err, w.text(verifierName, verifier))
}

// grown reports whether the log has a later checkpoint than the bundle.
func (s *Summary) grown() bool { return s.Newest.Size > s.Checkpoint.Size }

func (w *archive) consistency(s *Summary, log *proof.Log) error {
	p, err := log.ProveGrowth(s.Checkpoint, s.Newest)
	if err != nil {
		return err
	}
	file, err := p.Encode()
	if err != nil {
		return err
	}
	return w.text(consistencyName, string(file))
}

// lines writes the log, in files that begin where its segments do, and checks them against the last
// checkpoint.
func (w *archive) lines(s *Summary, log *proof.Log) error {
	tree, err := treeBefore(s, log)
	if err != nil {
		return err
	}
	starts := map[uint64]bool{s.First: true}
	for _, first := range log.Segments() {
		starts[first] = true
	}
	var f io.Writer
	var text []byte
	for line, err := range log.Lines(s.First) {
		if err == nil && starts[line.Seq] {
			f, err = w.create(logFolder + logfile.SegmentName(line.Seq))
		}
		if err != nil {
			return err
		}
		if line.Seq == s.Last && tree.Root() != s.Checkpoint.Root {
			return fmt.Errorf("the log is damaged: the records %d to %d are not those that record %d covers; tollgate audit verify shows more", s.First, s.Last-1, s.Last)
		}
		tree.AddLine(line.Text)
		for id := range logfile.PlansNamed(line.Text) {
			w.named[id] = true
		}
		text = append(append(text[:0], line.Text...), '\n')
		if _, err := f.Write(text); err != nil {
			return err
		}
		if line.Seq == s.Last {
			return nil
		}
	}
	return fmt.Errorf("the log ends before record %d", s.Last)
}

// plans writes the texts of the plans that lines name. It leaves out those that the log does not have.
func (w *archive) plans(s *Summary, log *proof.Log) error {
	for _, id := range slices.Sorted(maps.Keys(w.named)) {
		texts, err := log.Plans(id)
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, blobs.ErrDamaged):
			s.NoText = append(s.NoText, id)
		case err != nil:
			return fmt.Errorf("the text of plan %s: %w", id, err)
		}
		for _, text := range texts {
			if err := w.text(blobFolder+text.Name, string(text.Content)); err != nil {
				return err
			}
			s.Plans = append(s.Plans, text.Name)
		}
	}
	return nil
}

// treeBefore returns the tree over the records before the bundle's first.
func treeBefore(s *Summary, log *proof.Log) (*checkpoint.Tree, error) {
	if s.First == 1 {
		return new(checkpoint.Tree), nil
	}
	first, err := log.Checkpoint(s.First)
	if err != nil {
		return nil, err
	}
	if first.Seq != s.First {
		return nil, fmt.Errorf("record %d, where the bundle begins, is no checkpoint: see tollgate audit verify", s.First)
	}
	return checkpoint.Resume(first.Size, first.Peaks)
}
