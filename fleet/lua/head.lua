#!lua
-- KEYS: the epoch's record, this member's row.
-- ARGV: epoch, connection, number of the question, number of the last question that counted ('' if this one does not count), arguments.
local base = string.sub(KEYS[1], 1, -6)
local member = string.sub(KEYS[2], #base + 8)
local args = {}
for i = 5, #ARGV do args[i - 4] = ARGV[i] end

local function key(name) return base .. name end

local function now()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

local function finish(body)
  local ok, reply = pcall(body)
  if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], 'counted', ARGV[3]) end
  if not ok then
    if type(reply) == 'table' then reply = reply.err end
    return redis.error_reply('FAILED ' .. ARGV[3] .. ' ' .. string.gsub(tostring(reply), '[\r\n]', ' '))
  end
  if reply == nil then reply = false end
  return {ARGV[3], reply}
end

