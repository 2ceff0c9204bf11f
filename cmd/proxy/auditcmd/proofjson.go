package auditcmd

import (
	"tollgate/audit/checkpoint"
	"tollgate/audit/proof"
	"tollgate/internal/cli"
)

// proven is what a proof proves, as JSON.
type proven struct {
	Log     string   `json:"log"`
	Size    uint64   `json:"size"`               // of the log when it was signed
	Signed  string   `json:"signed"`             // when
	Keys    []string `json:"keys"`               // by what
	Trusted bool     `json:"key_given"`          // one of these was given by --key; false: the keys are the proof's own
	Call    string   `json:"call,omitempty"`     // of a proof of a call
	Records []uint64 `json:"records,omitempty"`  // its records
	OldSize uint64   `json:"old_size,omitempty"` // of a proof of growth
}

// provenBy returns what a proof that was checked proves.
func provenBy(p any, given []checkpoint.PublicKey) proven {
	var by proof.Signed
	result := proven{Trusted: len(given) > 0}
	switch p := p.(type) {
	case *proof.Call:
		by, result.Call = p.Signed, p.Call
		for _, r := range p.Parsed() {
			result.Records = append(result.Records, r.Seq)
		}
	case *proof.Consistency:
		old, _, _ := p.Old.Open() // the same was checked before
		by, result.OldSize = p.New, old.Size
	}
	c, keys, _ := by.Open() // the same was checked before
	result.Log, result.Size, result.Signed = c.Origin, c.Size, c.Time.Format(checkpoint.TimeFormat)
	for _, key := range keys {
		result.Keys = append(result.Keys, key.String())
	}
	return result
}

// grown is how a log has grown, as JSON.
type grown struct {
	Source   cli.Source `json:"source"`
	Log      string     `json:"log"`
	Compared int        `json:"compared"` // old checkpoints
	Old      signed     `json:"old"`
	New      signed     `json:"new"`
}

// signed is a checkpoint as JSON.
type signed struct {
	Size uint64   `json:"size"`
	Time string   `json:"time"`
	Root string   `json:"root"`
	Keys []string `json:"keys,omitempty"`
	Note string   `json:"note,omitempty"`
}

func signedAs(c checkpoint.Checkpoint) signed {
	return signed{Size: c.Size, Time: c.Time.Format(checkpoint.TimeFormat), Root: c.Root.String()}
}

func grownAs(g *proof.Growth, source cli.Source) grown {
	return grown{source, g.Newest.Origin, g.Compared, signedAs(g.Last), statedAs(g.Newest, "")}
}

// statedAs returns a checkpoint of a log with the keys that signed it.
func statedAs(s *proof.Statement, note string) signed {
	c := signedAs(s.Checkpoint)
	for _, key := range s.Keys {
		c.Keys = append(c.Keys, key.String())
	}
	c.Note = note
	return c
}
