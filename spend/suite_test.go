package spend_test

import (
	"testing"

	"tollgate/spend"
	"tollgate/spend/spendtest"
)

func TestMemory(t *testing.T) {
	spendtest.Run(t, func(*testing.T) spend.Ledger { return spend.NewMemory() })
}
