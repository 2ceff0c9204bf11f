package limits

import (
	_ "embed"
	"time"

	"tollgate/fleet"
)

//go:embed lua/common.lua
var commonBody string

//go:embed lua/queue.lua
var queueBody string

//go:embed lua/take.lua
var takeBody string

//go:embed lua/leave.lua
var leaveBody string

//go:embed lua/report.lua
var reportBody string

//go:embed lua/sent.lua
var sentBody string

//go:embed lua/throttled.lua
var throttledBody string

//go:embed lua/join.lua
var joinBody string

// The scripts. Each says at its top what it does and what its arguments are.
var (
	takeScript      = fleet.NewScript("limits-take", commonBody+queueBody+takeBody)
	leaveScript     = fleet.NewScript("limits-leave", commonBody+queueBody+leaveBody)
	reportScript    = fleet.NewScript("limits-report", commonBody+reportBody)
	sentScript      = fleet.NewScript("limits-sent", commonBody+sentBody)
	throttledScript = fleet.NewScript("limits-throttled", commonBody+throttledBody)
	joinScript      = fleet.NewScript("limits-join", commonBody+joinBody)
)

// ghost is how long an entry can stay in a queue after its member has died: take.lua's latest and grace. The member is taken to be absent
// before that is over.
const ghost = 1250 * time.Millisecond
