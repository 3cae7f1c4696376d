/* SPDX-License-Identifier: MIT */
/* caps: what a domain may do beyond caring for itself. dom0 is merely the domain that
 * holds them all at boot; whoever holds CAP_DOMAIN can hand on what it holds itself. */
#ifndef PV_CAPS_H
#define PV_CAPS_H

#define PV_CAP_NONE    0x00u
#define PV_CAP_DOMAIN  0x01u /* create, destroy, pause and configure other domains    */
#define PV_CAP_MEMORY  0x02u /* read, write, map and populate others' memory         */
#define PV_CAP_PHYS    0x04u /* ports, device memory, interrupts, reboot              */
#define PV_CAP_DEVICE  0x08u /* device directories of other domains                   */
#define PV_CAP_TRACE   0x10u /* trace rings, counters of others, audit                */
#define PV_CAP_CONSOLE 0x20u /* the machine's console and the hypervisor's log        */
#define PV_CAP_ALL     0x3fu

#endif
