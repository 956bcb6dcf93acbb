import time

from tests.notifications.builders import World
from tests.notifications.test_delivery import deliver_once, post_of


async def test_bench(service, tmp_path):
    from deploy.mailbox import mail_server as sink

    worlds = [World() for _ in range(100)]
    facts = []
    for w in worlds:
        facts += w.people()
    t = time.perf_counter()
    await service.hear(*facts)
    print("people", len(facts), time.perf_counter() - t)
    c = time.process_time()
    t = time.perf_counter()
    await service.hear(*[w.pair() for w in worlds])
    print("pairs", len(worlds), time.perf_counter() - t, "cpu", time.process_time() - c)
    c = time.process_time()
    t = time.perf_counter()
    await service.hear(*[w.session() for w in worlds])
    print("sess", len(worlds), time.perf_counter() - t, "cpu", time.process_time() - c)
    with sink(tmp_path / "mail") as url:
        running = service.running(smtp_url=url)
        post = post_of(running.settings)
        c = time.process_time()
        t = time.perf_counter()
        n = 0
        while d := await deliver_once(running, post):
            n += d
        e = time.perf_counter() - t
        print("mails", n, e, n / e, "cpu", time.process_time() - c)


import cProfile
import pstats


async def test_prof(service, tmp_path):
    from deploy.mailbox import mail_server as sink

    worlds = [World() for _ in range(60)]
    for w in worlds:
        await service.hear(*w.people())
    await service.hear(*[w.session() for w in worlds])
    with sink(tmp_path / "mail") as url:
        running = service.running(smtp_url=url)
        post = post_of(running.settings)
        await deliver_once(running, post)
        c = time.thread_time()
        pr = cProfile.Profile(time.thread_time)
        pr.enable()
        n = 0
        while d := await deliver_once(running, post):
            n += d
        pr.disable()
        print(n, time.thread_time() - c)
        pstats.Stats(pr).sort_stats("tottime").print_stats(45)
        pstats.Stats(pr).sort_stats("cumtime").print_stats(30)
