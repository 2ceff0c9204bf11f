package audit_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"tollgate/audit"
	"tollgate/audit/logfile"
)

func Example() {
	dir, err := os.MkdirTemp("", "audit")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cfg := audit.Options{
		Config: audit.Config{Dir: filepath.Join(dir, "log")}, Version: "v1.0.0",
		Now: func() time.Time { return time.Date(2026, 10, 3, 4, 5, 6, 7080900, time.UTC) },
	}
	l, _, err := audit.Open(cfg)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := l.Intent(ctx, &logfile.Record{Call: "call-1", Caller: "billing-app", Operation: "PayOrders"}); err != nil {
		log.Fatal(err) // the call must not be sent
	}
	if err := l.Outcome(ctx, &logfile.Record{Call: "call-1", Outcome: logfile.Succeeded, Status: 204}); err != nil {
		log.Fatal(err)
	}
	if err := l.Close(ctx); err != nil {
		log.Fatal(err)
	}
	err = logfile.Read(cfg.Dir, func(r *logfile.Record, line []byte) error {
		if r.Kind == logfile.KindKey || r.Kind == logfile.KindCheckpoint {
			line = []byte("(" + string(r.Kind) + ")") // a new log has a new key
		}
		_, err := fmt.Printf("%s\n", line)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// {"seq":1,"commit":1,"time":"2026-10-03T04:05:06.007080900Z","kind":"start","version":"v1.0.0"}
	// (key)
	// (checkpoint)
	// {"seq":4,"commit":4,"time":"2026-10-03T04:05:06.007080900Z","kind":"intent","call":"call-1","caller":"billing-app","operation":"PayOrders"}
	// {"seq":5,"commit":5,"time":"2026-10-03T04:05:06.007080900Z","kind":"outcome","call":"call-1","outcome":"succeeded","status":204}
	// {"seq":6,"commit":6,"time":"2026-10-03T04:05:06.007080900Z","kind":"stop"}
	// (checkpoint)
}
