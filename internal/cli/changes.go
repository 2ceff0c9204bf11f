package cli

import (
	"fmt"
	"io"

	"tollgate/config/snapshot"
	"tollgate/internal/text"
)

// PrintChanges prints how two configurations, perhaps of a source, differ. If they do, the error ends the program with [ExitDiffers].
func PrintChanges(w io.Writer, changes []snapshot.Change, source *Source, asJSON bool) error {
	var err error
	if asJSON {
		err = PrintJSON(w, struct {
			Source  *Source           `json:"source,omitempty"`
			Changes []snapshot.Change `json:"changes"`
		}{source, append([]snapshot.Change{}, changes...)}) // never null
	} else {
		err = printLines(w, changes)
	}
	if err == nil && len(changes) > 0 {
		err = ExitCode(ExitDiffers)
	}
	return err
}

func printLines(w io.Writer, changes []snapshot.Change) (err error) {
	if len(changes) == 0 {
		_, err = fmt.Fprintln(w, "no difference")
	}
	for _, c := range changes {
		note := ""
		if c.Restart {
			note = " (needs a restart)"
		}
		if err == nil {
			_, err = fmt.Fprintln(w, text.Printable(c.Where+" "+c.Text+note, '?'))
		}
	}
	return err
}
