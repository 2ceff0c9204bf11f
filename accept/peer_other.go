//go:build !linux

package accept

import "net"

// peerOf returns no peer on this system, so what needs one refuses it.
func peerOf(net.Conn) *Peer { return nil }
