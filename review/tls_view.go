package review

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"tollgate/accept"
	"tollgate/audit/logfile"
	"tollgate/audit/tlsreport"
	"tollgate/internal/words"
	"tollgate/review/chart"
	"tollgate/review/evidence"
	"tollgate/review/jobs"
)

// tlsResult is a report, and the last record that it is of.
type tlsResult struct {
	report *tlsreport.Report
	to     uint64
}

// tlsView is a report as the page shows it.
type tlsView struct {
	*tlsreport.Report
	First, Last time.Time
	To          uint64
	Shares      *chart.Drawing
	Refused     []refusedView
	Failed      []failedView
	Certs       []certView
	MoreCerts   int
	Names       []tlsreport.Name
	MoreNames   int
}

// refusedView and failedView have a reason in words.
type refusedView struct {
	tlsreport.Refused
	Why []words.Part
}

type failedView struct {
	tlsreport.Failed
	Why []words.Part
}

// certView is a certificate of a peer.
type certView struct {
	tlsreport.Cert
	First, Last, NotAfter time.Time
	Ended, Ends           bool // it is past its end, or near it
}

func (r *request) tlsView(result *tlsResult, c *tlsChoice) *tlsView {
	report := result.report
	v := &tlsView{Report: report, First: inZone(report.First, r.zone), Last: inZone(report.Last, r.zone), To: result.to, Shares: r.tlsShares(report)}
	for _, one := range report.Refused {
		v.Refused = append(v.Refused, refusedView{one, r.tlsReason(one.Reason)})
	}
	for _, one := range report.Upstream {
		v.Failed = append(v.Failed, failedView{one, r.tlsReason(one.Reason)})
	}
	v.MoreCerts = max(0, len(report.Certs)-listedCerts)
	for _, one := range report.Certs[:len(report.Certs)-v.MoreCerts] {
		end := one.NotAfter
		v.Certs = append(v.Certs, certView{
			one, inZone(one.First, r.zone), inZone(one.Last, r.zone), inZone(end, r.zone), !end.IsZero() && end.Before(r.now),
			!end.IsZero() && end.Sub(r.now) < soonEnding,
		})
	}
	v.MoreNames = max(0, len(report.Names)-listedNames)
	v.Names = report.Names[:len(report.Names)-v.MoreNames]
	return v
}

// tlsReason returns why a handshake failed in the reader's language. Records of some versions have reasons that there is no message for.
func (r *request) tlsReason(reason string) []words.Part {
	if alert, ok := strings.CutPrefix(reason, logfile.TLSFailureText(logfile.TLSAlert)); ok {
		return r.words.Said("tls.failure_alert", "Alert", strings.TrimSpace(alert))
	}
	if code := strings.ReplaceAll(reason, " ", "_"); slices.Contains(tlsReasons(), code) {
		id := "tls.failure_" + code
		return r.words.Said(id)
	}
	return []words.Part{{Text: reason, Value: true}}
}

// tlsReasons are the reasons for which there are messages: those of handshakes, and of connections before one.
func tlsReasons() []string {
	codes := logfile.TLSFailures()
	for _, reason := range accept.Reasons() {
		if code := strings.ReplaceAll(string(reason), " ", "_"); !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes
}

// segmentsOf returns the segments that have records of a period, and the one before: connections of the period may have begun in it.
func segmentsOf(all []evidence.Segment, p Period) []evidence.Segment {
	all = slices.DeleteFunc(slices.Clone(all), func(s evidence.Segment) bool { return s.Pruned })
	first, last := 0, len(all)
	for i := range all {
		if !all[i].To.IsZero() && all[i].To.Before(p.Since) {
			first = i
		}
	}
	for i := len(all) - 1; i >= 0 && !all[i].From.IsZero() && all[i].From.Add(-clockStep).After(p.Until); i-- {
		last = i
	}
	return all[first:max(first, last)]
}

// clockStep is how far a clock that is set may step back.
const clockStep = time.Hour

// linesAtOnce is how many lines are read in one piece of work.
const linesAtOnce = 32

// makeTLS reads the records of the period, of one log. Without a progress it works at once.
func makeTLS(ctx context.Context, c *tlsChoice, p *jobs.Progress) (*tlsResult, error) {
	collector, err := tlsreport.New(c.config())
	if err != nil {
		return nil, err
	}
	segments, err := c.log.Segments(ctx)
	if err != nil {
		return nil, err
	}
	segments = segmentsOf(segments, c.period)
	reader, err := newTLSReader(c.log, segments, collector)
	if err != nil {
		return nil, err
	}
	defer reader.stop()
	for more := true; more; {
		p.Do(ctx, func() { more, err = reader.read() })
		if err != nil || ctx.Err() != nil {
			return nil, errorOf(err, ctx)
		}
		p.Report(reader.done(), reader.total)
	}
	return &tlsResult{collector.Report(), reader.to}, nil
}

func errorOf(err error, ctx context.Context) error {
	if err != nil {
		return err
	}
	return ctx.Err()
}

// tlsReader reads records into a collector, some at a time.
type tlsReader struct {
	collector *tlsreport.Collector
	next      func() (logfile.Line, error, bool)
	stop      func()
	before    map[uint64]int64 // bytes before each segment, by its first record
	total     int64
	at        logfile.Position
	to        uint64
}

func newTLSReader(l *evidence.Log, segments []evidence.Segment, collector *tlsreport.Collector) (*tlsReader, error) {
	r := &tlsReader{collector: collector, before: map[uint64]int64{}, next: func() (line logfile.Line, err error, ok bool) { return }, stop: func() {}}
	listed, err := logfile.List(l.FS)
	if err != nil || len(segments) == 0 {
		return r, err
	}
	var files []logfile.File
	for _, s := range segments {
		r.before[s.First] = r.total
		r.total += s.Bytes
		if i := slices.IndexFunc(listed, func(f logfile.File) bool { return f.Name == s.Name }); i >= 0 {
			files = append(files, listed[i])
		}
	}
	first := segments[0].First
	r.next, r.stop = iter.Pull2(logfile.Lines(l.FS, files, first, logfile.Position{Segment: first}))
	return r, nil
}

// read reads some lines, and reports whether there may be more.
func (r *tlsReader) read() (more bool, err error) {
	for range linesAtOnce {
		line, err, ok := r.next()
		if err != nil || !ok {
			return false, err
		}
		record, err := line.Record()
		if err != nil {
			return false, err
		}
		r.collector.Add(record)
		r.at, r.to = line.At, line.Seq
	}
	return true, nil
}

// done returns how many bytes were read.
func (r *tlsReader) done() int64 { return r.before[r.at.Segment] + r.at.Offset }
