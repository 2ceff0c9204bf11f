-- args: signature, the member's time, when the signature expires, by how much the clocks may differ; in milliseconds.
local skew = math.floor(now() / 1000 - args[2])
if math.abs(skew) > tonumber(args[4]) then return string.format('%.0f', skew) end
if redis.call('SET', key('signature:' .. args[1]), member, 'NX', 'PXAT', args[3]) then return 'taken' end
return 'used'
