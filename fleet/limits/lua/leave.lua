-- leave takes a caller's entry of this member out of a queue. Arguments: the fleet, the limit, the caller.
local l = cjson.decode(args[2])
if open(l) == 'period' then return 0 end
leave(l, args[3])
save(l)
return 1
