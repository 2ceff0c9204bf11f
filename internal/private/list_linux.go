package private

import "syscall"

// accessList returns the access list of the file that a path leads to; nil if it has none beside its mode, or cannot be asked.
func accessList(path string) []byte {
	if n, err := syscall.Getxattr(path, listName, nil); err != nil || n == 0 { // most have none, which needs no room
		return nil
	}
	list := make([]byte, maxList)
	n, err := syscall.Getxattr(path, listName, list)
	if err != nil {
		return nil
	}
	return list[:n]
}
