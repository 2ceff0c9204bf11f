package audit_test

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"strings"

	"tollgate/audit"
	"tollgate/audit/verify"
)

func init() { audit.VerifyFiles = verifyFiles }

func verifyFiles(files fs.FS, kept []string, inUse, allowUnsigned bool) ([]string, error) {
	o := verify.Options{AllowUnsigned: allowUnsigned, InUse: func() (bool, error) { return inUse, nil }}
	if len(kept) > 0 {
		o.Witnesses = copied(kept)
	}
	report, err := verify.Verify(context.Background(), files, o)
	if err != nil {
		return nil, err
	}
	var faults []string
	for _, f := range report.Faults {
		faults = append(faults, f.Kind+": "+f.Text)
	}
	return faults, nil
}

// copied returns notes as lines of a file of copies.
func copied(notes []string) io.Reader {
	var lines strings.Builder
	for _, note := range notes {
		line, _ := json.Marshal(map[string]string{"checkpoint": note}) // a map of texts never fails
		lines.Write(append(line, '\n'))
	}
	return strings.NewReader(lines.String())
}
