package private

import "encoding/binary"

// The form of an access list in the attribute system.posix_acl_access (linux/posix_acl_xattr.h): a version, then entries of
// a tag, the rights, and an id, little-endian.
const (
	listName    = "system.posix_acl_access"
	listVersion = 2
	listHeader  = 4
	listEntry   = 8

	tagUser        = 0x02
	tagOwningGroup = 0x04
	tagGroup       = 0x08
	tagMask        = 0x10
	tagOthers      = 0x20

	// maxList has room for 500 entries. Of a longer list only its mask counts, which is in the mode.
	maxList = 4 << 10
)

// parseList returns what an access list grants to others than the owner; ok is false if it is none.
func parseList(list []byte, owningGroup uint32) (grants []grant, ok bool) {
	if len(list) < listHeader || (len(list)-listHeader)%listEntry != 0 || binary.LittleEndian.Uint32(list) != listVersion {
		return nil, false
	}
	mask := read | change
	for entry := list[listHeader:]; len(entry) > 0; entry = entry[listEntry:] {
		perm, id := right(binary.LittleEndian.Uint16(entry[2:])), binary.LittleEndian.Uint32(entry[4:])
		switch binary.LittleEndian.Uint16(entry) {
		case tagUser:
			grants = append(grants, grant{user, id, perm})
		case tagGroup:
			grants = append(grants, grant{group, id, perm})
		case tagOwningGroup:
			grants = append(grants, grant{group, owningGroup, perm})
		case tagOthers:
			grants = append(grants, grant{everybody, 0, perm})
		case tagMask:
			mask = perm
		}
	}
	for i := range grants {
		if grants[i].subject != everybody { // the mask bounds all but owner and others
			grants[i].right &= mask
		}
	}
	return grants, true
}
