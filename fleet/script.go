package fleet

import (
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
)

// The scripts of this package, in Lua. head.lua comes before all others, check.lua before those that belong to an epoch.
var (
	//go:embed lua/head.lua
	luaHead string
	//go:embed lua/check.lua
	luaCheck string
	//go:embed lua/enter.lua
	luaEnter string
	//go:embed lua/joined.lua
	luaJoined string
	//go:embed lua/beat.lua
	luaBeat string
	//go:embed lua/signoff.lua
	luaSignOff string

	enterScript   = makeScript("enter", luaHead, luaEnter)
	joinedScript  = NewScript("joined", luaJoined)
	beatScript    = NewScript("beat", luaBeat)
	signOffScript = NewScript("sign off", luaSignOff)
)

// Script is a script that runs in Redis.
type Script struct{ name, source, sha string }

// NewScript returns a script. The body is Lua. It finds its arguments in the table args (texts all of them), makes the names of keys with
// key(name), which all have the prefix of the fleet, and has the name of the asking member in member. now() returns the time of Redis in
// microseconds; a number that large is made a text with string.format('%.0f', n) only. What the body returns is the answer; it must not
// return errors. A body that fails half-way has had the effects of what went before. The name is for messages.
func NewScript(name, body string) *Script { return makeScript(name, luaHead+luaCheck, body) }

func makeScript(name, before, body string) *Script {
	source := before + "local function body()\n" + body + "\nend\nreturn finish(body)\n"
	sum := sha1.Sum([]byte(source)) // what Redis calls it, no protection
	return &Script{name, source, hex.EncodeToString(sum[:])}
}

// command returns the command that runs the script. The first run on a connection sends the source, which Redis then has.
func (s *Script) command(full bool, keys [2]string, head [4]any, args []any) []any {
	command := make([]any, 0, 5+len(head)+len(args))
	if full {
		command = append(command, "EVAL", s.source)
	} else {
		command = append(command, "EVALSHA", s.sha)
	}
	command = append(command, len(keys), keys[0], keys[1])
	return append(append(command, head[:]...), args...)
}
