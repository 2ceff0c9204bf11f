-- args: signature, the member's time, when the signature expires, by how much the clocks may differ; in milliseconds.
local signature = key('signature:' .. args[1])
if redis.call('EXISTS', signature) == 1 then return 'used' end

-- Redis evicts keys right before it runs a script. Heartbeats show it too late: a copy may come sooner.
local evicted = string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)')
if evicted ~= redis.call('HGET', KEYS[1], 'evicted') then return 'evicted' end

local skew = math.floor(now() / 1000 - args[2])
if math.abs(skew) > tonumber(args[4]) then return string.format('%.0f', skew) end
redis.call('SET', signature, member, 'PXAT', args[3])
return 'taken'
