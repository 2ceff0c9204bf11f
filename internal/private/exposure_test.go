package private

import (
	"encoding/binary"
	"io/fs"
	"slices"
	"testing"
)

// TestOthers says who counts as another, in words.
func TestOthers(t *testing.T) {
	us := process{user: 1000, groups: []uint32{1000, 2000}}
	for _, c := range []struct {
		mode  fs.FileMode
		group uint32
		want  string
	}{
		{0o600, 3000, ""},
		{0o440, 1000, ""},
		{0o440, 2000, ""},
		{0o660, 2000, ""},
		{0o440, 3000, "group 3000, in which the gateway is not, may read it"},
		{0o620, 3000, "group 3000, in which the gateway is not, may change it"},
		{0o660, 0, "group 0, in which the gateway is not, may read and change it"},
		{0o644, 2000, "every user may read it"},
		{0o604, 2000, "every user may read it"},
		{0o602, 2000, "every user may change it"},
		{0o666, 2000, "every user may read and change it"},
		{0o664, 3000, "every user may read it, group 3000, in which the gateway is not, may change it"},
		{0o644, 3000, "every user may read it"},
		{0o711, 3000, ""}, // a key cannot be run
		{fs.ModeDir | 0o755, 3000, ""},
		{fs.ModeDir | 0o770, 2000, ""},
		{fs.ModeDir | 0o770, 3000, "group 3000, in which the gateway is not, may change it"},
		{fs.ModeDir | 0o777, 2000, "every user may change it"},
		{fs.ModeDir | fs.ModeSticky | 0o777, 3000, ""},
	} {
		if got := us.others(c.mode, 0, grantsOf(c.mode, c.group, nil)); got != c.want {
			t.Errorf("%v of group %d: %q, want %q", c.mode, c.group, got, c.want)
		}
	}
}

// entry is one of an access list.
type entry struct {
	tag, perm uint16
	id        uint32
}

const tagOwner = 0x01

func listOf(entries ...entry) []byte {
	list := binary.LittleEndian.AppendUint32(nil, listVersion)
	for _, e := range entries {
		list = binary.LittleEndian.AppendUint16(list, e.tag)
		list = binary.LittleEndian.AppendUint16(list, e.perm)
		list = binary.LittleEndian.AppendUint32(list, e.id)
	}
	return list
}

const undefinedID = 0xffffffff

// sharedWith is the list of a file with mode 0440 whose group bits are the mask, as systemd makes it for a credential.
func sharedWith(tag uint16, id uint32) []byte {
	entries := []entry{
		{tagOwner, 4, undefinedID}, {tag, 4, id}, {tagOwningGroup, 0, undefinedID}, {tagMask, 4, undefinedID},
		{tagOthers, 0, undefinedID},
	}
	slices.SortFunc(entries, func(a, b entry) int { return int(a.tag) - int(b.tag) }) // the kernel wants that
	return listOf(entries...)
}

// TestAccessLists: with a list, the group bits of the mode are its mask, and the entries say who may.
func TestAccessLists(t *testing.T) {
	us := process{user: 1000, groups: []uint32{2000}}
	for _, c := range []struct {
		name string
		list []byte
		want string
	}{
		{"a systemd credential", sharedWith(tagUser, 1000), ""},
		{"its owner", sharedWith(tagUser, 7), ""},
		{"root", sharedWith(tagUser, 0), ""},
		{"our group", sharedWith(tagGroup, 2000), ""},
		{"another user", sharedWith(tagUser, 3000), "user 3000 may read it"},
		{"another group", sharedWith(tagGroup, 3000), "group 3000, in which the gateway is not, may read it"},
		{"its group", listOf(entry{tagOwningGroup, 4, 0}, entry{tagMask, 4, 0}, entry{tagOthers, 0, 0}), "group 9, in which the gateway is not, may read it"},
		{"all", listOf(entry{tagOwningGroup, 0, 0}, entry{tagMask, 0, 0}, entry{tagOthers, 4, 0}), "every user may read it"},
		{"masked", listOf(entry{tagUser, 6, 3000}, entry{tagGroup, 6, 3000}, entry{tagOwningGroup, 6, 0}, entry{tagMask, 0, 0}, entry{tagOthers, 0, 0}), ""},
		{"masked in part", listOf(entry{tagUser, 6, 3000}, entry{tagMask, 2, 0}), "user 3000 may change it"},
		{"no list: the mode counts", []byte{1, 0, 0, 0}, "group 9, in which the gateway is not, may read it"},
		{"half a list: the mode counts", sharedWith(tagUser, 1000)[:15], "group 9, in which the gateway is not, may read it"},
	} {
		if got := us.others(0o440, 7, grantsOf(0o440, 9, c.list)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzParseList holds the parser to what holds for every list: no right beyond the mask, but that of all.
func FuzzParseList(f *testing.F) {
	f.Add(sharedWith(tagUser, 1000))
	f.Add(listOf(entry{tagMask, 0, 0}, entry{tagGroup, 7, 5}))
	f.Fuzz(func(t *testing.T, list []byte) {
		grants, ok := parseList(list, 9)
		if !ok {
			if grants != nil {
				t.Fatal("grants of what is no list")
			}
			return
		}
		mask, entries := uint16(6), (len(list)-listHeader)/listEntry
		for i := range entries {
			if e := list[listHeader+i*listEntry:]; binary.LittleEndian.Uint16(e) == tagMask {
				mask = binary.LittleEndian.Uint16(e[2:])
			}
		}
		for _, g := range grants {
			if len(grants) > entries || g.subject != everybody && g.right&^right(mask) != 0 {
				t.Fatalf("%+v of a list with mask %o", grants, mask)
			}
		}
	})
}
