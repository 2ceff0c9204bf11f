package review

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"tollgate/audit/calls"
	archive "tollgate/audit/export"
	"tollgate/audit/proof"
)

// proofPatience is for how long what a reader asked for by itself, a proof or a file, may take.
const proofPatience = time.Minute

// proofPart is whether the call's records are in a tree that was signed, found out now.
type proofPart struct {
	Checked bool
	Words   said // what was found
	Keys    []string
	Origin  string // the log's own name, which keys have too
	Size    uint64
	Time    time.Time
	Root    string
	Intent  bool   // it is of the intent alone: there is no outcome yet
	Fault   string // why there is no proof
	Later   bool   // no checkpoint covers the records yet
	Late    bool   // it was not found out in time
	Page    string // address of the page that looks for longer
	File    string // and of the proof
	Script  string
	Short   string // of the call's id
}

// proof makes the proof of the call and checks it.
func (v *callView) proof(ctx context.Context) *proofPart {
	address := callAddress(v.log.Name, v.id)
	part := &proofPart{Page: address + "/proof", File: address + "/proof.json", Script: address + "/verify.py", Short: calls.ShortID(v.id)}
	p, err := v.log.Proof(ctx, v.id)
	switch {
	case errors.Is(err, proof.ErrNotCovered):
		part.Later = true
	case ctx.Err() != nil:
		part.Late = true
	case err != nil:
		part.Fault = err.Error()
	default:
		part.state(v, p)
	}
	return part
}

// state says what the proof states.
func (part *proofPart) state(v *callView, p *proof.Call) {
	c, keys, err := p.Open()
	if err != nil {
		part.Fault = err.Error()
		return
	}
	for _, k := range keys {
		part.Keys = append(part.Keys, k.String())
	}
	var seqs []string
	for _, r := range p.Parsed() {
		seqs = append(seqs, grouped(r.Seq))
	}
	part.Checked, part.Origin, part.Size, part.Time, part.Root = true, c.Origin, c.Size, c.Time.In(v.zone), c.Root.String()
	part.Intent = len(seqs) == 1 && v.Call != nil && v.Outcome == nil && v.Refusal == nil
	id := "call.proof_records"
	if len(seqs) == 1 {
		id = "call.proof_record"
	}
	part.Words = v.words.Said(id, "Records", strings.Join(seqs, v.words.Text("call.and")), "Size", grouped(c.Size), "Key", c.Origin, "Time", part.Time.Format("2006-01-02 15:04:05"))
}

// callProof looks for the proof for longer than the page of the call does.
func (s *Server) callProof(r *request) (*page, error) {
	v, err := s.callView(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), proofPatience)
	defer cancel()
	title := r.words.Text("call.proof_of", "ID", calls.ShortID(v.id))
	return &page{name: "call", title: title, data: &callPage{ID: v.id, Address: callAddress(v.log.Name, v.id), Proof: v.proof(ctx), OnlyProof: true}}, nil
}

// callProofFile sends the proof for people who have no log.
func (s *Server) callProofFile(r *request) (*page, error) {
	v, err := s.callView(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), proofPatience)
	defer cancel()
	p, err := v.log.Proof(ctx, v.id)
	if err != nil {
		return nil, err
	}
	file, err := p.Encode()
	if err != nil {
		return nil, err
	}
	return r.textFile("proof-"+calls.ShortID(v.id)+".json", "application/json", func(w io.Writer) error {
		_, err := w.Write(file)
		return err
	}), nil
}

// callVerifier sends the verifier in Python, which is the same for all calls.
func (s *Server) callVerifier(r *request) (*page, error) {
	if _, err := s.callView(r); err != nil {
		return nil, err
	}
	return r.textFile("verify.py", "text/x-python; charset=utf-8", func(w io.Writer) error {
		_, err := io.WriteString(w, archive.Verifier())
		return err
	}), nil
}
