package fleet

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // tests wait for servers, not for processors
	goleak.VerifyTestMain(m)
}
