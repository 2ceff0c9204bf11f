// Package testlog makes audit logs for tests and benchmarks, as large as wanted and without a gateway or an fsync: line by
// line as docs/audit-format.md says, so that readers are tested against the format and not against the writer.
package testlog

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// Start is the time of the first record; each further one is a second later, or Log.Step.
var Start = time.Date(2026, 10, 3, 4, 5, 6, 0, time.UTC)

// Log writes one log. Its methods panic on errors, which in a test directory means that the disk is full.
type Log struct {
	Tree checkpoint.Tree
	Seq  uint64 // of the last record
	Last string // the last checkpoint's note
	Old  bool   // checkpoints state nothing of the records before them
	Step time.Duration
	Plan string // that the records of calls name; empty: none
	// Clock is the time of records that have none, and of checkpoints. Nil: Start and a Step for each record.
	Clock func() time.Time
	// Extra is added to the members of each record but checkpoints, which are exact: what no version has yet, such as `"novelty":"x"`.
	// Empty: nothing is.
	Extra string
	// Forge changes what the next checkpoints state. Nil changes nothing.
	Forge func(*logfile.State)

	ledger *logfile.Ledger
	dir    string
	key    *checkpoint.Key
	signed uint64
	room   logfile.Room // of signatures since then
	full   bool         // more might not fit
	file   *os.File
	w      *bufio.Writer
	line   []byte
	rng    *rand.Rand
}

// New begins a log in dir, which is created, with its start record, key record and first checkpoint. A nil key is made.
func New(dir string, key *checkpoint.Key) *Log {
	if key == nil {
		key = must(checkpoint.NewKey("tollgate/test"))
	}
	return NewAt(dir, key, nil, "test")
}

// NewAt is New with a clock and the version of the program that the start record has.
func NewAt(dir string, key *checkpoint.Key, clock func() time.Time, version string) *Log {
	check(os.MkdirAll(dir, 0o700))
	l := &Log{dir: dir, key: key, rng: rand.New(rand.NewPCG(1, 2)), ledger: logfile.LedgerFrom(1, false), Step: time.Second, Clock: clock}
	l.open()
	l.Add(&logfile.Record{Kind: logfile.KindStart, Version: version})
	l.Add(&logfile.Record{Kind: logfile.KindKey, Key: key.Public().String()})
	l.Checkpoint()
	return l
}

// Key returns the public key.
func (l *Log) Key() checkpoint.PublicKey { return l.key.Public() }

func (l *Log) open() {
	l.file = must(os.OpenFile(filepath.Join(l.dir, fmt.Sprintf("%020d.jsonl", l.Seq+1)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600))
	l.w = bufio.NewWriterSize(l.file, 1<<20)
}

// Add writes a record with the next seq and, unless it has one, a time.
func (l *Log) Add(r *logfile.Record) {
	l.Seq++
	r.Seq, r.Commit = l.Seq, l.Seq
	if r.Time.IsZero() {
		r.Time = l.at(l.Seq)
	}
	l.line = r.Append(l.line[:0])
	if l.Extra != "" && r.Kind != logfile.KindCheckpoint {
		l.line = append(append(append(l.line[:len(l.line)-1], ','), l.Extra...), '}')
	}
	l.Tree.AddLine(l.line)
	l.enter(r)
	_ = must(l.w.Write(append(l.line, '\n')))
}

func (l *Log) at(seq uint64) time.Time {
	if l.Clock != nil {
		return l.Clock().UTC()
	}
	return Start.Add(time.Duration(seq) * l.Step)
}

// enter adds to the ledger the record whose line was made last.
func (l *Log) enter(r *logfile.Record) {
	if r.Kind == logfile.KindCheckpoint {
		l.ledger.Checkpoint(r.Seq, checkpoint.LeafHash(l.line))
		l.room = 0
	}
	e := logfile.Entry{Kind: r.Kind, Seq: r.Seq, Call: r.Call, States: r.StatesFreezes(), Freezes: len(r.Freezes)}
	if s, ok := logfile.SignatureOf(r); ok {
		e.Signature, l.full = s, l.room.Add(s)
	}
	l.ledger.Add([]logfile.Entry{e}, append(l.line, '\n'))
}

// Checkpoint writes a checkpoint record, signed by the log's key and, in front of it, by the keys given.
func (l *Log) Checkpoint(before ...*checkpoint.Key) {
	at := l.at(l.Seq + 1)
	c := checkpoint.Checkpoint{Origin: l.key.Name(), Size: l.Tree.Size(), Root: l.Tree.Root(), Time: at}
	l.Last = must(c.Sign(append(before, l.key)...))
	var state logfile.State
	if !l.Old {
		state = l.ledger.State()
	}
	if l.Forge != nil {
		l.Forge(&state)
	}
	l.Add(logfile.CheckpointRecord(l.Last, c, l.key.Public(), l.Tree.Peaks(), state))
	l.signed, l.full = l.Seq, false
}

// Rekey brings in another key, for which the old one signs unless it is lost.
func (l *Log) Rekey(key *checkpoint.Key, lost bool) {
	old := l.key
	l.Add(&logfile.Record{Kind: logfile.KindKey, Key: key.Public().String(), PreviousKey: old.Public().String(), KeyLost: lost})
	l.key = key
	if lost {
		l.Checkpoint()
	} else {
		l.Checkpoint(old)
	}
}

// As makes another key sign from here on, and says nothing of it in the log.
func (l *Log) As(key *checkpoint.Key) { l.key = key }

// Full reports whether a checkpoint must come before the next signature.
func (l *Log) Full() bool { return l.full }

// Rotate begins the next segment. Its checkpoint is signed as by Checkpoint.
func (l *Log) Rotate(before ...*checkpoint.Key) {
	l.closeFile()
	l.open()
	l.Checkpoint(before...)
}

// Prune removes the closed segment that begins with record first, in the order in which a gateway does: its hashes, a
// prune record with a checkpoint, and then the segment.
func (l *Log) Prune(first uint64) {
	segment := filepath.Join(l.dir, fmt.Sprintf("%020d.jsonl", first))
	var hashes []byte
	last := first - 1
	for line := range bytes.Lines(must(os.ReadFile(segment))) {
		leaf := checkpoint.LeafHash(line[:len(line)-1])
		hashes = append(hashes, leaf[:]...)
		last++
	}
	check(os.WriteFile(filepath.Join(l.dir, fmt.Sprintf("%020d.hashes", first)), hashes, 0o600))
	l.Add(&logfile.Record{Kind: logfile.KindPrune, First: first, Last: last})
	l.Checkpoint()
	check(os.Remove(segment))
}

// Calls writes n calls, two records each, with a checkpoint after 10,000 records.
func (l *Log) Calls(n int) {
	for range n {
		l.Call()
		if l.Seq-l.signed >= 10000 {
			l.Checkpoint()
		}
	}
}

// Call writes an intent and its outcome, much as the gateway does, and returns the call's id. A checkpoint comes before them when
// its line is full.
func (l *Log) Call() string {
	if l.full {
		l.Checkpoint()
	}
	id := fmt.Sprintf("0199a3b2-7c00-7%03x-8f10-%012x", l.rng.IntN(4096), l.Seq)
	op := operations[l.rng.IntN(len(operations))]
	caller := fmt.Sprintf("app-%d", l.rng.IntN(20))
	order := fmt.Sprintf("CS%016d", l.Seq)
	l.Add(&logfile.Record{
		Kind: logfile.KindIntent, Call: id, Listener: "gateway.corp.example:8443", Caller: caller, IdentifiedBy: "access_key", Identity: "TG-" + caller,
		Source: fmt.Sprintf("10.1.%d.%d", l.rng.IntN(256), l.rng.IntN(256)), SourcePort: uint16(1024 + l.rng.IntN(60000)),
		Upstream: "bss", Site: "cn", Operation: op.name, Effect: op.effect, Method: op.method, Path: op.path,
		Credential: op.credential, Class: op.class, AccessKey: "HPUAABCDEFGHIJKLMNOP", Account: op.account, Plan: l.Plan, Decision: logfile.Allowed, BodyHash: l.hash(), BodyBytes: 212,
		Fields: []logfile.Field{
			{Name: "order_id", Kind: "order", Values: []string{order}},
			{Name: "customer_id", Kind: "customer", Values: []string{fmt.Sprintf("c-%d", l.rng.IntN(1000))}},
			{Name: "amount", Kind: "amount", Values: []string{fmt.Sprintf("%d.%02d", l.rng.IntN(10000), l.rng.IntN(100))}},
		},
		SignatureHash: l.hash(), SignatureDate: l.at(l.Seq).Truncate(time.Second),
	})
	outcome, status := logfile.Succeeded, 200
	if n := l.rng.IntN(100); n < 3 {
		outcome, status = logfile.Failed, 400
	} else if n == 3 {
		outcome, status = logfile.Unknown, 0
	}
	l.Add(&logfile.Record{
		Kind: logfile.KindOutcome, Plan: l.Plan, Call: id, Caller: caller, Upstream: "bss", Site: "cn", Operation: op.name, Effect: op.effect, Credential: op.credential, Class: op.class,
		Account: op.account, Outcome: outcome, Status: status, RequestID: l.hash()[:32], Result: outcome, ResultFrom: "status", AnswerHash: l.hash(), AnswerBytes: 512,
		UpstreamMicros: 12345, TotalMicros: 12400,
	})
	return id
}

// Leave ends the log as a process does that was killed, or writes on: without a stop record.
func (l *Log) Leave() { l.closeFile() }

// Close writes the stop record and its checkpoint.
func (l *Log) Close() {
	l.Add(&logfile.Record{Kind: logfile.KindStop})
	l.Checkpoint()
	l.closeFile()
}

// Flush writes out what is buffered, so that it can be read, and leaves the log open.
func (l *Log) Flush() { check(l.w.Flush()) }

func (l *Log) closeFile() {
	l.Flush()
	check(l.file.Close())
}

func (l *Log) hash() string {
	var b [32]byte
	for i := range b {
		b[i] = byte(l.rng.Uint32())
	}
	return hex.EncodeToString(b[:])
}

var operations = []struct{ name, effect, method, path, credential, class, account string }{
	{"ListOrders", "read", "GET", "/v2/orders/customer-orders", "partner-main", "partner", "p-1"},
	{"ShowCustomerAccountBalances", "read", "GET", "/v2/accounts/customer-accounts/balances", "acme", "customer", "c-17"},
	{"PayOrders", "spend", "POST", "/v3/orders/customer-orders/pay", "acme", "customer", "c-17"},
	{"CreatePartnerCoupons", "spend", "POST", "/v2/promotions/benefits/partner-coupons", "partner-main", "partner", "p-1"},
	{"UpdateCustomerAccountAmount", "spend", "POST", "/v2/accounts/partner-accounts/adjust", "partner-main", "partner", "p-1"},
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}
