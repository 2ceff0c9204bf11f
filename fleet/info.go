package fleet

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// server is what Redis says of itself.
type server struct {
	identity string // of the process, and of the history of its data
	version  string
	role     string
	policy   string // what it does when its memory is full; empty where it was not asked for
	evicted  int64
}

// maxInfo is how many bytes of an answer of INFO are read: those of the sections that are asked for are below ten thousand.
const maxInfo = 1 << 16

// parseInfo reads an answer of INFO: lines of "name:value", and comments.
func parseInfo(text string) (server, error) {
	if len(text) > maxInfo {
		return server{}, fmt.Errorf("an answer of INFO of more than %d bytes", maxInfo)
	}
	found := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			if _, twice := found[name]; !twice { // as the scripts read it
				found[name] = value
			}
		}
	}
	evicted, err := strconv.ParseInt(found["evicted_keys"], 10, 64)
	if err != nil || evicted < 0 || !isHex(found["run_id"]) || !isHex(found["master_replid"]) || found["role"] == "" {
		return server{}, errors.New("INFO does not say who this Redis is (run_id, master_replid, role, evicted_keys)")
	}
	return server{
		identity: found["run_id"] + "-" + found["master_replid"], version: found["redis_version"],
		role: found["role"], policy: found["maxmemory_policy"], evicted: evicted,
	}, nil
}

func isHex(text string) bool {
	return text != "" && len(text) <= 64 && strings.Trim(text, "0123456789abcdef") == ""
}

// minMajor is the least version of Redis: scripts that are refused as a whole when they cannot run to their end came with it.
const minMajor = 7

// check reports why this Redis cannot be used.
func (s *server) check() error {
	major, _, _ := strings.Cut(s.version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < minMajor {
		return fmt.Errorf("version %.20q of Redis: version %d.0 or later is needed", s.version, minMajor)
	}
	if s.role != "master" {
		return errReplica
	}
	return nil
}

// warnings returns what an operator should change.
func (s *server) warnings() []string {
	if s.policy == "noeviction" || s.policy == "" {
		return nil
	}
	return []string{fmt.Sprintf("maxmemory-policy of Redis is %.30q: when its memory is full it evicts signatures and limits; set noeviction", s.policy)}
}
