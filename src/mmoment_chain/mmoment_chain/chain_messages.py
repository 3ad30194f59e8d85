"""What chain_node tells, as messages and diagnostics."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from solders.signature import Signature
from std_msgs.msg import Header

from mmoment_chain.chain_work import ChainReport
from mmoment_chain.held_back import NOT_REGISTERED
from mmoment_chain.transaction_building import sol
from mmoment_chain.wallet import wallet_text
from mmoment_interfaces.msg import ChainStatus, ComponentState
from mmoment_node.recovery import RecoverySnapshot

Finding = tuple[str, bytes, str, dict[str, object]]
"""Concern, level, message and values of a diagnostic status."""
SECOND_NS = 1_000_000_000
NOT_KNOWN = -1


def component_state(recovery: RecoverySnapshot) -> ComponentState:
    """The state of the connection."""
    since_ns = round(recovery.since_s * SECOND_NS)
    return ComponentState(
        state=int(recovery.state),
        since=Time(sec=since_ns // SECOND_NS, nanosec=since_ns % SECOND_NS),
        last_error=recovery.last_error,
        retries=recovery.retries,
        next_try_s=recovery.next_try_s,
    )


def chain_status(header: Header, report: ChainReport | None, waiting: str) -> ChainStatus:
    """What the node does; without a report it waits for something."""
    if report is None:
        return ChainStatus(header=header, balance_lamports=NOT_KNOWN, last_error=waiting)
    camera, outbox = report.outbox.camera, report.outbox
    return ChainStatus(
        header=header,
        connection=component_state(report.pool.recovery),
        cluster=report.cluster,
        endpoint=report.pool.endpoint,
        slot=report.pool.slot,
        program_id=wallet_text(report.place.program),
        camera_address=wallet_text(report.place.camera),
        device=wallet_text(report.place.device),
        owner='' if camera is None else wallet_text(camera.owner),
        registered=report.is_registered,
        active=camera is not None and camera.is_active,
        mode='' if camera is None else camera.mode.name.lower(),
        balance_lamports=report.balance.lamports,
        balance_is_low=report.balance.is_low,
        log_here=outbox.log_here,
        log_there=outbox.log_there,
        visits_waiting=outbox.visits_waiting,
        held_back=outbox.held_back if outbox.waits else '',
        spent_lamports=outbox.spent_lamports,
        budget_lamports=outbox.budget_lamports,
        last_signature=signature_text(outbox.last_signature),
        last_error=report.error,
    )


def findings(report: ChainReport | None, waiting: str) -> list[Finding]:
    """The same as diagnostics, one for each concern."""
    ok, warn = DiagnosticStatus.OK, DiagnosticStatus.WARN
    if report is None:
        return [('connection', warn, waiting, {})]
    pool, outbox, balance = report.pool, report.outbox, report.balance
    state = pool.recovery.state.name.lower()
    is_held_back = outbox.waits and outbox.held_back not in ('', NOT_REGISTERED)
    return [
        (
            'connection',
            # Nobody misses a chain that this camera was never on.
            warn if report.is_used and not pool.is_live else ok,
            state if pool.is_live else pool.recovery.last_error or state,
            {'cluster': report.cluster, 'endpoint': pool.endpoint, 'slot': pool.slot},
        ),
        (
            'registration',
            ok,
            'registered' if report.is_registered else 'not registered',
            {
                'camera_address': wallet_text(report.place.camera),
                'device': wallet_text(report.place.device),
                'nft_group': wallet_text(report.group),
            },
        ),
        (
            'outbox',
            warn if is_held_back else ok,
            outbox.text or ('sending' if outbox.waits else 'all is told'),
            {
                'log_here': outbox.log_here,
                'log_there': outbox.log_there,
                'visits_waiting': outbox.visits_waiting,
                'held_back': outbox.held_back,
                'visits_refused': ', '.join(f'{why} {count}' for why, count in outbox.refused)
                or 'none',
            },
        ),
        (
            'balance',
            warn if report.is_to_be_paid else ok,
            balance.text or ('not known' if balance.lamports < 0 else 'enough'),
            {
                'sol': 'not known' if balance.lamports < 0 else sol(balance.lamports),
                'spent_sol': sol(outbox.spent_lamports),
                'budget_sol': sol(outbox.budget_lamports),
            },
        ),
    ]


def signature_text(signature: bytes) -> str:
    """In base58; empty for none."""
    return str(Signature.from_bytes(signature)) if signature else ''
