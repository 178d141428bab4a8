"""A load balancer for tests: each HTTP/1.1 request goes to the next of several servers; HTTP/2 and TLS go by connection.

    balance.py --listen PORT URL...

A server that cannot be reached is passed over, as a balancer with health checks does.
"""
import argparse
import asyncio
import itertools
import urllib.parse

CHUNK = 1 << 16


class Balancer:
    def __init__(self, servers):
        self.servers = servers
        self.turn = itertools.count()

    async def connect(self):
        """A connection to the next server that takes one."""
        for _ in self.servers:
            host, port = self.servers[next(self.turn) % len(self.servers)]
            try:
                return await asyncio.open_connection(host, port)
            except OSError:
                continue
        raise ConnectionError("no server takes connections")

    async def serve(self, reader, writer):
        try:
            while head := await read_head(reader):
                if not head.endswith(b"\r\n\r\n") or head.startswith(b"PRI "):
                    await self.splice(head, reader, writer)
                    return
                if not await self.exchange(head, reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def splice(self, first, reader, writer):
        """Passes on what cannot be told apart into requests."""
        there_reader, there_writer = await self.connect()
        there_writer.write(first)
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))

    async def exchange(self, head, reader, writer):
        """One request and its answer; false if the connection ends with it."""
        there_reader, there_writer = await self.connect()
        try:
            there_writer.write(head)
            if b"expect" in headers(head):
                await there_writer.drain()
                writer.write(await there_reader.readuntil(b"\r\n\r\n"))
            await copy_body(head, reader, there_writer, is_answer=False)
            answer = await there_reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            is_whole = head.startswith(b"HEAD ") or await copy_body(answer, there_reader, writer, is_answer=True)
            await writer.drain()
            return is_whole and headers(answer).get(b"connection", b"").lower() != b"close"
        finally:
            there_writer.close()


def headers(head):
    lines = (line.split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    return {name.strip().lower(): value.strip() for name, value in lines}


async def read_head(reader):
    """A request's head; what came so far if it is none."""
    first = await reader.read(1)
    if not first or first == b"\x16":
        return first
    return first + await reader.readuntil(b"\r\n\r\n")


async def copy_body(head, reader, writer, is_answer):
    """False if the body is told to be over by the connection's end alone."""
    told = headers(head)
    if b"chunked" in told.get(b"transfer-encoding", b"").lower():
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            writer.write(line + await reader.readexactly(size + 2))
            await writer.drain()
            if size == 0:
                return True
    if b"content-length" in told:
        left = int(told[b"content-length"])
        while left:
            piece = await reader.readexactly(min(left, CHUNK))
            left -= len(piece)
            writer.write(piece)
            await writer.drain()
        return True
    if is_answer and head.split(b" ", 2)[1] not in (b"204", b"304"):
        await pump(reader, writer)
        return False
    return True


async def pump(reader, writer):
    try:
        while piece := await reader.read(CHUNK):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("servers", nargs="+")
    asked = parser.parse_args()
    split = [urllib.parse.urlsplit(url) for url in asked.servers]
    balancer = Balancer([(url.hostname, url.port) for url in split])
    server = await asyncio.start_server(balancer.serve, "127.0.0.1", asked.listen, limit=1 << 20)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
