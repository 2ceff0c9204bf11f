// Package reviewtest makes audit logs for tests and screenshots of the review pages: seven weeks of a company's calls, as a gateway writes
// them, with all that a reviewer is shown. The same program makes the same bytes each time.
//
// The records are encoded by [logfile.Record], the tree and the checkpoints are real, and the logs verify as a whole. What would take a
// gateway seven weeks is only imagined: who calls, and when.
package reviewtest

import (
	"bytes"
	"os"
	"path/filepath"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/export"
	"tollgate/audit/proof"
)

// Zone is the zone of the reviewers. It has no summer time.
var Zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// Begin and Now are when the logs begin and when they are looked at.
var (
	Begin = time.Date(2026, 10, 1, 0, 0, 5, 0, Zone)
	Now   = time.Date(2026, 11, 20, 9, 30, 0, 0, Zone)
)

// Versions of the gateway: the first until its first restart, the other from then on. Records of the first have no steps.
const firstVersion, version = "1.8.2", "1.9.0"

// Made says what was made.
type Made struct {
	Key checkpoint.PublicKey // that signs at the end
	// Calls are ids of calls worth a look, by what there is to see: see the constants.
	Calls map[string]string
	// Unknown are the calls whose outcome is unknown at the end, the oldest first.
	Unknown []string
	Calling int    // how many calls there are, refused ones included
	Last    uint64 // the last record
}

// Names of [Made.Calls].
const (
	Paid         = "paid"          // a payment, priced from its order by a call of the gateway's own
	PricedBy     = "priced by"     // that call
	Renewed      = "renewed"       // a renewal
	Coupons      = "coupons"       // coupons for two customers
	Given        = "given"         // funds to a customer
	PartlyDone   = "partly done"   // an unsubscription of which a part failed
	Failed       = "failed"        // a payment that the provider refused
	NotSent      = "not sent"      // a payment that met an expired certificate
	NotSigned    = "not signed"    // a payment while its credential was paused
	Open         = "open"          // a call under way at the end
	Held         = "held"          // a repeat that is refused, since Holder did it
	Holder       = "holder"        // the call that holds its key
	Repeated     = "repeated"      // a payment once more, which an operator allowed
	CapFull      = "cap full"      // a payment for which a cap has no room
	ResolvedPaid = "resolved paid" // unknown at first; the gateway found it paid
	ResolvedBy   = "resolved by"   // unknown at first; an operator settled it as failed
	Waited       = "waited"        // a call that waited for a limit
	Shadowed     = "shadowed"      // a call that a limit in shadow mode would have refused
	Deprecated   = "deprecated"    // a call of a deprecated operation
	Refused      = "refused"       // a call without a grant
)

// Log writes the large log into dir, which is created. Its beginning is pruned. It is as a running gateway leaves it: two calls are open,
// and no stop record is there.
func Log(dir string) Made {
	w := newWriter(dir, "tollgate/gateway-sh", 1)
	w.companyDays()
	w.incidents()
	return w.run()
}

// Second writes the log of another gateway of the same company, which only the application billing-app uses.
func Second(dir string) Made {
	w := newWriter(dir, "tollgate/gateway-bj", 2)
	w.quietDays()
	return w.run()
}

// Quiet writes the log of a gateway that started and was never called.
func Quiet(dir string) Made {
	w := newWriter(dir, "tollgate/gateway-new", 4)
	w.begin(firstPlan)
	return w.run()
}

// Bundle writes into file the archive of October of the log in dir, as `tollgate audit export` does.
func Bundle(dir, file string) {
	log := must(proof.OpenLog(os.DirFS(dir)))
	var archive bytes.Buffer
	from := time.Date(2026, 10, 1, 0, 0, 0, 0, Zone)
	must(export.Write(&archive, log, from, from.AddDate(0, 1, 0)))
	check(os.MkdirAll(filepath.Dir(file), 0o700))
	check(os.WriteFile(file, archive.Bytes(), 0o600))
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
