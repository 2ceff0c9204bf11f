package auditcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"tollgate/audit/calls"
	"tollgate/audit/export"
	"tollgate/audit/store"
	"tollgate/internal/cli"
	"tollgate/internal/text"
)

// place is where a log stands: its directory, or a bundle.
type place struct{ dir, bundle string }

func (p *place) register(cmd *cobra.Command) {
	cli.DirFlag(cmd, &p.dir, "bundle")
	cmd.Flags().StringVar(&p.bundle, "bundle", "", "`archive` made by audit export, or the folder that it was unpacked into")
}

func (p *place) check() error {
	if (p.dir == "") == (p.bundle == "") {
		return cli.UsageError("one log is needed: the audit directory (%s), or --bundle with what audit export made", cli.DirWays)
	}
	if p.bundle != "" {
		return nil
	}
	return cli.CheckDir(p.dir)
}

// Values of --index, beside the name of a file.
const (
	noIndex   = "none"
	autoIndex = "auto"
)

func indexFlag(cmd *cobra.Command, index *string, value, use string) {
	cmd.Flags().StringVar(index, "index", value, use+": "+autoIndex+" (index.sqlite in the directory, if there is one), "+noIndex+" (read the log), or its `file`")
	complete := cobra.FixedCompletions([]string{autoIndex, noIndex}, cobra.ShellCompDirectiveDefault)
	if err := cmd.RegisterFlagCompletionFunc("index", complete); err != nil {
		panic(err) // the flag was registered above
	}
}

// indexIn returns the index of the log in dir that a value of --index names; nil if the log is to be read instead.
func indexIn(dir, index string) *store.Index {
	switch index {
	case noIndex:
		return nil
	case autoIndex, "":
		if x := store.New(dir, ""); x.Exists() {
			return x
		}
		return nil
	}
	return store.New(dir, index)
}

// reading is a source of calls that notes what they were read from.
type reading struct {
	from  cli.Source
	log   calls.Source
	index *store.Index // asked first; nil: there is none
	notes io.Writer
}

// saw notes that a record was read.
func (r *reading) saw(seq uint64) {
	if r.from.Kind == cli.FromBundle && r.from.From == 0 {
		r.from.From = seq
	}
	r.from.To = max(r.from.To, seq)
}

// readDir returns a reading of the log in dir by an index, or of the log itself, as indexIn has it.
func readDir(dir, index string, notes io.Writer) *reading {
	r := &reading{from: cli.LogSource(dir, 0), index: indexIn(dir, index), notes: notes}
	r.log = calls.Scan{Dir: dir}.Seeing(r.saw)
	return r
}

// Calls implements [calls.Source]: it asks the index, and reads the log when the index cannot answer. What an index does not have yet is
// read from the log, so both answer alike, unless rows were removed from the index.
func (r *reading) Calls(ctx context.Context, f *calls.Filter, yield func(*calls.Call) error) error {
	yielded := false
	answered, err := r.ask(ctx, func(x *store.Index) error {
		return x.Calls(ctx, f, func(c *calls.Call) error {
			yielded = true
			return yield(c)
		})
	}, func() bool { return yielded })
	if answered {
		return err
	}
	return r.log.Calls(ctx, f, yield)
}

// report returns the report of the calls that a filter chooses: by the sums of the index, or by the calls in the log.
func (r *reading) report(ctx context.Context, f *calls.Filter, by []calls.Dimension) (*calls.Report, error) {
	refunds := func() (calls.Refunds, error) { return calls.ReadRefunds(ctx, r) }
	var report *calls.Report
	answered, err := r.ask(ctx, func(x *store.Index) error {
		report, r.from.Sums = calls.NewReport(by, refunds), true
		return x.Report(ctx, f, slices.Contains(by, calls.ByCustomer), report)
	}, func() bool { return false })
	if answered {
		return report, err
	}
	report = calls.NewReport(by, refunds)
	return report, r.log.Calls(ctx, f, report.Add)
}

// ask asks the index a question. It reports whether that is answered, if only by an error: not if there is no index that could be used. Then
// the log is to be read instead, from now on. An index that can be opened and does not fit the log is an error: its rows were changed. A log
// that is pruned while it is asked looks alike, so it is asked a second time, unless answers were used already.
func (r *reading) ask(ctx context.Context, question func(*store.Index) error, used func() bool) (answered bool, err error) {
	if r.index == nil {
		return false, nil
	}
	for attempt := 0; ; attempt++ {
		seq, err := r.index.Seq(ctx)
		if errors.Is(err, store.ErrUnusable) {
			fmt.Fprintf(r.notes, "note: %s; reading the whole log instead\n", text.EscapeUnprintable(err.Error()))
			r.from, r.index = cli.LogSource(r.from.Dir(), 0), nil
			return false, nil
		}
		if err != nil {
			return true, err
		}
		r.from = cli.Source{Kind: cli.FromIndex, Path: r.index.File(), To: seq, Log: r.from.Dir(), Sums: r.from.Sums}
		if err = question(r.index); attempt > 0 || used() || !errors.Is(err, store.ErrUnusable) {
			return true, hinted(err)
		}
	}
}

// hinted adds to an error of an index what to do.
func hinted(err error) error {
	if !errors.Is(err, store.ErrUnusable) {
		return err
	}
	return fmt.Errorf("%w; --index none reads the log", err)
}

// say prints the source, unless an error came before anything was read.
func (r *reading) say(err error) error {
	if err != nil && r.from.To == 0 {
		return err
	}
	return errors.Join(err, r.from.Say(r.notes))
}

// read calls fn with what answers questions about the calls, and prints then what that was.
func (p *place) read(index string, notes io.Writer, fn func(*reading) error) error {
	if p.bundle == "" {
		r := readDir(p.dir, index, notes)
		return r.say(fn(r))
	}
	log, _, bundle, err := export.Open(p.bundle)
	if err != nil {
		return err
	}
	defer bundle.Close() // opened for reading: nothing can be lost
	r := &reading{from: cli.Source{Kind: cli.FromBundle, Path: p.bundle}, notes: notes}
	r.log = calls.Files{FS: log}.Seeing(r.saw)
	return r.say(fn(r))
}

// source returns the place as a source of which no record is named.
func (p *place) source() cli.Source {
	if p.bundle != "" {
		return cli.Source{Kind: cli.FromBundle, Path: p.bundle}
	}
	return cli.LogSource(p.dir, 0)
}

// jsonFlag adds the flag --json of a command whose result is otherwise text.
func jsonFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print the result as JSON")
}

// fullID returns the id of the call that a part of an id is of, as [calls.FullID] does.
func (p *place) fullID(part string) (string, error) {
	part = calls.PlainID(part)
	if part == "" || p.bundle == "" {
		return calls.FullID(os.DirFS(p.dir), part)
	}
	log, _, bundle, err := export.Open(p.bundle)
	if err != nil {
		return "", err
	}
	defer bundle.Close() // opened for reading: nothing can be lost
	return calls.FullID(log, part)
}

// withBlobs calls fn with what has the folder of texts.
func (p *place) withBlobs(fn func(fs.FS) error) error {
	if p.bundle == "" {
		return fn(os.DirFS(p.dir))
	}
	_, meta, bundle, err := export.Open(p.bundle)
	if err != nil {
		return err
	}
	defer bundle.Close() // opened for reading: nothing can be lost
	return fn(meta.Blobs)
}
