package replay_test

import (
	"testing"

	"tollgate/replay"
	"tollgate/replay/replaytest"
)

func TestSuite(t *testing.T) {
	replaytest.Run(t, func(_ *testing.T, room int) []replaytest.Memory { return []replaytest.Memory{replay.New(room)} })
}
