package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"sync"
	_ "unsafe" // for linkname
)

// The process's TLS 1.3 suites, for connections with fast AES on both sides and for all others. Go keeps these two
// linkable because much software depends on it (go.dev/issue/67401). crypto/tls reads them without a lock.

//go:linkname defaultCipherSuitesTLS13 crypto/tls.defaultCipherSuitesTLS13
var defaultCipherSuitesTLS13 []uint16

//go:linkname defaultCipherSuitesTLS13NoAES crypto/tls.defaultCipherSuitesTLS13NoAES
var defaultCipherSuitesTLS13NoAES []uint16

// fixed remembers the first plan, since what it governs is process-wide as well: after a handshake the variables above
// must not be written again.
var fixed struct {
	sync.Mutex
	done          bool
	suites, noAES []uint16 // nil: Go's own
}

// Fix makes the plan true for the process. It must be called before any handshake, also before those of HTTP clients.
// It sets Go's TLS 1.3 suites only if the plan needs others than Go's own, and then proves by handshake messages in
// memory, for every use, that a listener answers each offer with an allowed suite or else refuses it, and that nothing
// but allowed suites is offered to an upstream. After an error nothing may be served; Go's own suites are back.
//
// Fix may be called again, for a new configuration of a running process: the uses are then proved again. A plan that
// needs other suites than the first one is an error, and changes nothing.
func (p Plan) Fix() error {
	fixed.Lock()
	defer fixed.Unlock()
	var suites, noAES []uint16
	if p.changed {
		suites, noAES = p.suites, p.noAES
	}
	if fixed.done {
		return p.fixAgain(suites, noAES)
	}
	restore, err := setSuites13(suites, noAES)
	if err != nil {
		return err
	}
	if err := p.selfTest(); err != nil {
		restore()
		return err
	}
	fixed.done, fixed.suites, fixed.noAES = true, suites, noAES
	return nil
}

func (p Plan) fixAgain(suites, noAES []uint16) error {
	if len(p.suites) > 0 && (!slices.Equal(suites, fixed.suites) || !slices.Equal(noAES, fixed.noAES)) {
		return fmt.Errorf("%s: they need another list of TLS 1.3 suites than this process was started with: a change of the set needs a restart", p.users13())
	}
	return p.selfTest()
}

// users13 names the uses with TLS 1.3, and their policies.
func (p Plan) users13() string {
	var names []string
	for _, use := range p.uses {
		if use.Policy.allowsVersion(tls.VersionTLS13) {
			names = append(names, fmt.Sprintf("%s (policy %q)", use.Where, use.Policy.name))
		}
	}
	return strings.Join(names, ", ")
}

// setSuites13 sets the variables unless suites is nil, and returns a function that undoes it.
func setSuites13(suites, noAES []uint16) (restore func(), err error) {
	if suites == nil {
		return func() {}, nil
	}
	oldSuites, oldNoAES := defaultCipherSuitesTLS13, defaultCipherSuitesTLS13NoAES
	if !slices.Equal(oldSuites, goSuites13()) || !slices.Equal(oldNoAES, goSuites13NoAES()) {
		return nil, fmt.Errorf(`the TLS 1.3 suites of this Go toolchain (%s) are not the known ones: use the policy %q, or set versions: ["1.2"]`,
			suiteNames(oldSuites), Default)
	}
	defaultCipherSuitesTLS13, defaultCipherSuitesTLS13NoAES = slices.Clone(suites), slices.Clone(noAES)
	return func() { defaultCipherSuitesTLS13, defaultCipherSuitesTLS13NoAES = oldSuites, oldNoAES }, nil
}
