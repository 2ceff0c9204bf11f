// Package confine takes from the process, for good, the files that its configuration does not name, with Landlock (landlock(7), Linux). A
// confined process opens, makes, renames and removes files in some folders only, regardless of what its user may do elsewhere, and executes none. From ABI 6
// on it does not connect to abstract sockets of other processes, and from where the kernel lets threads of one process signal each other in
// spite of it, it signals no other process. There is no way back but another process.
//
// Rules are of folders, since files are replaced by renaming others: certificates, secrets, the index. What counts is where a name leads when
// it is opened, not where the link stands.
//
// Left alone are descriptors that are open already, all of the network, sockets that have a path, and what needs no file to be opened:
// stat, chmod, chown and the changing of a folder. docs/hardening.md says what that means.
package confine

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// The rights by files.
const (
	readFile   = landlock.AccessFSSet(ll.AccessFSReadFile)
	readFolder = readFile | ll.AccessFSReadDir
	// writeFolder is all that the gateway does to files: no devices, no pipes, nothing that is executed. A socket is made in a folder of its
	// own and then linked beside it, for which both folders need refer.
	writeFolder = readFolder | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSRemoveDir | ll.AccessFSRemoveFile | ll.AccessFSMakeDir |
		ll.AccessFSMakeReg | ll.AccessFSMakeSock | ll.AccessFSMakeSym | ll.AccessFSRefer
	// handled is what is denied where no rule allows it: what ABI 5 knows. Newer kernels know more rights by files; they come in when this
	// program has rules for them.
	handled = landlock.AccessFSSet(1<<16 - 1)
)

const (
	// abiRefer is the first in which files move between folders at all, as a listener's socket does when it is made.
	abiRefer = 2
	// abiTruncate is the first whose rules for files have no gap: before it, any file of the user can be cut to nothing.
	abiTruncate = 3
	abiIoctl    = 5
	abiScopes   = 6
	// erratumSignal is the correction without which a thread could not signal another one of its own process, as Go's scheduler does.
	erratumSignal = 1 << (2 - 1)
)

// Result is what the process was confined by.
type Result struct {
	ABI     int      // of the kernel; 0: it has no Landlock
	Without []string // what the kernel could not take away
}

// InForce reports whether files are restricted.
func (r *Result) InForce() bool { return r.ABI >= abiRefer }

// kernel is what confining needs of the system.
type kernel struct {
	abi, errata func() (int, error)
	restrict    func(landlock.Config, ...landlock.Rule) error
}

var system = kernel{ll.LandlockGetABIVersion, ll.LandlockGetErrata, landlock.Config.Restrict}

// Apply confines the process to what a set allows, with [Require] or [Try]. With the latter a kernel that cannot is no error.
func Apply(mode string, allowed *Set) (Result, error) { return apply(system, mode, allowed) }

func apply(k kernel, mode string, allowed *Set) (Result, error) {
	r, err := k.found()
	if err == nil && mode == Require && r.ABI < abiTruncate {
		err = fmt.Errorf("this kernel has ABI %d, and ABI %d is needed (Linux 6.2)", r.ABI, abiTruncate)
	}
	if mode == Require && err != nil {
		return r, fmt.Errorf("hardening.landlock is require: %w", err)
	}
	if !r.InForce() {
		return r, nil
	}
	config := landlock.Config{HandledAccessFS: handled, Scoped: k.scopes(r.ABI)}.BestEffort()
	if err := k.restrict(config, allowed.rules()...); err != nil {
		return r, fmt.Errorf("hardening.landlock: %w", err)
	}
	return r, nil
}

// found returns what the kernel can do.
func (k kernel) found() (r Result, err error) {
	abi, err := k.abi()
	switch {
	case errors.Is(err, syscall.ENOSYS):
		err = errors.New("this kernel has no Landlock (ABI 3 is needed, Linux 6.2), or a filter of system calls hides it")
	case errors.Is(err, syscall.EOPNOTSUPP):
		err = errors.New("this kernel has Landlock not enabled (its parameter lsm=)")
	case err != nil:
		err = fmt.Errorf("asking the kernel for Landlock (a filter of system calls may forbid it): %w", err)
	default:
		r.ABI = abi
	}
	r.Without = k.without(r.ABI)
	return r, err
}

// without returns what a kernel cannot take away, in words for operators.
func (k kernel) without(abi int) (all []string) {
	for _, part := range []struct {
		can  bool
		what string
	}{
		{abi >= abiRefer, "files"}, {abi >= abiTruncate, "truncating files"}, {abi >= abiIoctl, "ioctl on devices"}, {abi >= abiScopes, "abstract sockets"},
		{k.scopes(abi)&ll.ScopeSignal != 0, "signals"},
	} {
		if !part.can {
			all = append(all, part.what)
		}
	}
	return all
}

func (k kernel) scopes(abi int) landlock.ScopedSet {
	if abi < abiScopes {
		return 0
	}
	if errata, err := k.errata(); err != nil || errata&erratumSignal == 0 {
		return ll.ScopeAbstractUnixSocket
	}
	return ll.ScopeAbstractUnixSocket | ll.ScopeSignal
}
